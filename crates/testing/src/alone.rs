//! Runs tests that measure a whole process.

use std::env;
use std::process::Command;
use std::thread;

/// Runs a test in a separate process: starts this test program again, with this test only. The test
/// can then measure the memory of the whole process and the counters of its thread pool, which
/// other tests would change.
///
/// # Panics
/// If the test fails, or if the current thread does not have the name of the test. The test harness
/// gives a thread this name.
#[track_caller]
pub fn alone(test: impl FnOnce()) {
    const MARK: &str = "ADJOINT_TEST_ALONE";
    if env::var_os(MARK).is_some() {
        return test();
    }
    let thread = thread::current();
    let name = thread.name().expect("the harness names the thread after the test");
    let program = env::current_exe().expect("this program has a path");
    let output = Command::new(program).args([name, "--exact"]).env(MARK, "1").output().expect("it starts");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let passed = output.status.success() && stdout.contains(" 1 passed;");
    assert!(passed, "{name} alone: {}\n{stdout}{stderr}", output.status);
}
