//! Tests that measure a whole process.

use std::env;
use std::process::Command;
use std::thread;

/// Runs a test in a process of its own, by starting this test program again with this test only.
/// For tests that measure what tests in one process share: its memory and the counters of the pool.
///
/// # Panics
/// If the test fails, or the current thread does not have the test's name (the harness names it
/// so).
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
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    let passed = output.status.success() && said.contains(" 1 passed;");
    assert!(passed, "{name} alone: {}\n{said}{complaint}", output.status);
}
