//! Matrix products: squares, and the shapes of the multilayer perceptrons at batch 128.
#![allow(missing_docs)]

use adjoint_benches::{Rate, numbers};
use adjoint_kernels::gemm::{Mat, Update, gemm};
use adjoint_kernels::memory::Buffer;
use criterion::{Criterion, Throughput};

fn products(c: &mut Criterion<Rate>) {
    let mut group = c.benchmark_group("gemm");
    let squares = [256, 512, 1024, 2048].map(|n| (n, n, n));
    for (m, k, n) in squares.into_iter().chain([
        (128, 784, 400),
        (128, 512, 784),
        (128, 1024, 784),
        (784, 128, 400),
        (50, 784, 400),
        (128, 50, 400),
        (64, 8192, 100),
    ]) {
        let (a, b, mut y) = (numbers(m * k, 0.0), numbers(k * n, 0.1), Buffer::zeroed(m * n));
        let (a, b, y) = (Mat::new(a.as_slice(), m, k), Mat::new(b.as_slice(), k, n), y.as_mut_slice());
        group.throughput(Throughput::Elements(2 * (m * k * n) as u64));
        group.bench_function(format!("{m}x{k}x{n}"), |bench| {
            bench.iter(|| gemm(a, b, Update::Overwrite, y));
        });
    }
    group.finish();
}

fn main() {
    let mut c = Rate::flops();
    products(&mut c);
    c.final_summary();
}
