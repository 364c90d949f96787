//! The time and memory that kernels take from the process and the system.
#![cfg(target_os = "linux")]
#![allow(missing_docs)]

use adjoint_kernels::conv2d::{self, Geometry, Spec};
use adjoint_kernels::gemm::{Mat, Update, gemm};
use adjoint_kernels::isa::{self, Isa};
use adjoint_kernels::memory::Buffer;
use adjoint_kernels::{Element, memory, threads};
use std::fs;
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

/// Each test locks this, because it measures the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// Returns the processor time of this process, on all processors, in hundredths of a second.
fn ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // The process name, in parentheses, can contain spaces. User and system time are fields 14 and
    // 15.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Threads that wait for kernels soon sleep, so a program that computes nothing uses no processor
/// time.
#[test]
fn threads_sleep_when_there_are_no_kernels() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    threads::with(3, || {
        let (a, b, mut c) = (vec![0.5f32; 300 * 300], vec![0.5f32; 300 * 300], vec![0.0; 300 * 300]);
        let before = ticks();
        for _ in 0..200 {
            gemm(Mat::new(&a, 300, 300), Mat::new(&b, 300, 300), Update::Overwrite, &mut c);
        }
        assert!(ticks() > before, "kernels use processor time");
        sleep(Duration::from_millis(100));
        let idle = ticks();
        sleep(Duration::from_millis(500));
        assert!(ticks() - idle <= 5, "{} hundredths of a second in half an idle second", ticks() - idle);
    });
}

/// If sizes grow repeatedly, idle storage is bounded by a multiple of the bytes that were needed at
/// once. If sizes repeat, nothing is allocated, even if a step needs many classes one after
/// another.
#[test]
fn the_pool_keeps_what_was_needed_at_a_time() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    memory::release();
    memory::reset_peak();
    // From the second sweep on, all sizes are a little smaller.
    let sweep = |again: usize| {
        let before = memory::stats().fresh;
        let mut grown = 100_000;
        while grown < 8_000_000 {
            let len = grown - again.min(1) * grown / 100;
            let buffers = [len, len / 2].map(Buffer::<f32>::take);
            assert!(buffers.iter().all(|b| b.as_slice().len() >= len / 2));
            drop(buffers);
            let stats = memory::stats();
            assert!(stats.idle <= 3 * stats.peak, "{} bytes idle, {} needed at once", stats.idle, stats.peak);
            grown += grown / 10;
        }
        memory::stats().fresh - before
    };
    let fresh: Vec<u64> = (0..8).map(sweep).collect();
    assert!(fresh[0] > 0 && fresh[2..].iter().all(|&n| n == 0), "buffers allocated in each sweep: {fresh:?}");
    // Each buffer is needed alone, and all buffers together are many times as large.
    memory::release();
    let step = || {
        let before = memory::stats().fresh;
        (1..40).for_each(|i| drop(Buffer::<f32>::take(i * 131_000)));
        memory::stats().fresh - before
    };
    let fresh: Vec<u64> = (0..8).map(|_| step()).collect();
    assert!(fresh[0] > 0 && fresh[2..].iter().all(|&n| n == 0), "buffers allocated in each step: {fresh:?}");
    // After a release, the idle storage of one workload is not added to that of the next.
    memory::release();
    assert_eq!(memory::stats().idle, 0);
}

/// Returns the bytes that the three kernels of a geometry take from the system, with four threads.
fn taken<E: Element>(g: &Geometry) -> usize {
    let numbers = |shape: [usize; 4]| vec![E::of(0.5); shape.iter().product()];
    let (x, w, y) = (numbers(g.x_shape()), numbers(g.w_shape()), numbers(g.y_shape()));
    let (mut x_bar, mut w_bar, mut y_out) = (x.clone(), w.clone(), y.clone());
    memory::release();
    threads::with(4, || {
        conv2d::forward(g, &x, &w, &mut y_out);
        conv2d::input_grad(g, &y, &w, &mut x_bar);
        conv2d::weight_grad(g, &x, &y, &mut w_bar);
    });
    memory::stats().idle
}

/// Patches, padded images and transformed tiles are computed in parts of an image, for images of
/// any size. In addition to copies of the operands, a thread holds at most 8 MB of each.
#[test]
fn scratch_does_not_grow_with_images() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let same = Spec::new(1, 1);
    for (x, w, spec) in [
        // Patches, where no other path applies: square, wide, with groups, and with dilation.
        ([1, 256, 256, 64], [3, 3, 64, 4], same),
        ([1, 1, 100_000, 16], [1, 9, 16, 4], Spec { padding: [0, 4], ..same }),
        ([1, 256, 256, 64], [3, 3, 16, 8], Spec { groups: 4, ..same }),
        ([1, 256, 256, 64], [3, 3, 64, 4], Spec { dilation: [9, 9], ..Spec::new(1, 9) }),
        // Windows in place, and overlapping windows.
        ([1, 256, 256, 16], [7, 7, 16, 8], Spec::new(1, 3)),
        ([1, 1024, 1024, 8], [1, 1, 8, 8], Spec::new(1, 0)),
        // Transformed tiles.
        ([1, 256, 256, 32], [3, 3, 32, 32], same),
        ([1, 512, 512, 16], [4, 4, 16, 16], Spec::new(2, 1)),
    ] {
        let g = Geometry::new(x, w, spec);
        let operands: usize =
            [g.x_shape(), g.w_shape(), g.y_shape()].iter().map(|s| s.iter().product::<usize>()).sum();
        let bound = |size: usize| 4 * 2 * (8 << 20) + 2 * operands * size;
        for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
            let taken = isa::with(isa, || taken::<f32>(&g));
            assert!(taken < bound(4), "{isa}, {g:?}: {taken} bytes, but the bound is {}", bound(4));
        }
        let taken = taken::<f64>(&g);
        assert!(taken < bound(8), "f64, {g:?}: {taken} bytes, but the bound is {}", bound(8));
    }
}

/// The pool does not grow without limit either if images grow. The operands and scratch of all
/// sizes together are bounded by a small multiple of those of the largest image, for any number of
/// repetitions.
#[test]
fn scratch_of_growing_images_is_bounded() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let kernels = |side: usize| {
        let g = Geometry::new([1, side, side, 16], [3, 3, 16, 16], Spec::new(1, 1));
        let zeros = |shape: [usize; 4]| Buffer::<f32>::zeroed(shape.iter().product());
        let (x, w, mut y) = (zeros(g.x_shape()), zeros(g.w_shape()), zeros(g.y_shape()));
        conv2d::forward(&g, x.as_slice(), w.as_slice(), y.as_mut_slice());
        let (mut x_bar, mut w_bar) = (x.clone(), w.clone());
        conv2d::input_grad(&g, y.as_slice(), w.as_slice(), x_bar.as_mut_slice());
        conv2d::weight_grad(&g, x.as_slice(), y.as_slice(), w_bar.as_mut_slice());
    };
    threads::with(2, || {
        memory::release();
        kernels(150);
        let largest = memory::stats().idle;
        memory::release();
        let mut most = 0;
        for again in 0..8 {
            for side in std::iter::successors(Some(12), |n| Some(n + n / 10)).take_while(|&n| n <= 150) {
                kernels(side - again.min(1));
                most = most.max(memory::stats().idle);
            }
        }
        assert!(most <= 4 * largest, "{most} bytes idle, {largest} after the largest image alone");
    });
}
