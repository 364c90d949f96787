//! Threads that wait for kernels soon sleep: a program that computes nothing costs nothing.
#![cfg(target_os = "linux")]
#![allow(missing_docs)]

use adjoint_kernels::gemm::{Mat, Update, gemm};
use adjoint_kernels::threads;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

/// Hundredths of a second that this process has computed, on all processors.
fn ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // The name, in parentheses, may hold spaces; user and system time are fields 14 and 15.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn threads_sleep_when_there_are_no_kernels() {
    threads::with(3, || {
        let (a, b, mut c) = (vec![0.5f32; 300 * 300], vec![0.5f32; 300 * 300], vec![0.0; 300 * 300]);
        let before = ticks();
        for _ in 0..200 {
            gemm(Mat::new(&a, 300, 300), Mat::new(&b, 300, 300), Update::Overwrite, &mut c);
        }
        assert!(ticks() > before, "the clock runs while there are kernels");
        sleep(Duration::from_millis(100));
        let idle = ticks();
        sleep(Duration::from_millis(500));
        assert!(ticks() - idle <= 5, "{} hundredths of a second in half a second of rest", ticks() - idle);
    });
}
