//! Benches of matrix products. `gemm` multiplies operands that are in the cache: square matrices,
//! and matrices with the shapes of perceptrons at batch 128. `linear` times the layers of
//! perceptrons with weights that are not in the cache, as in a training step.
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

/// The total size of the weights in bytes. Each call uses the next of several weights, so that it
/// does not find its weights in the cache. Training does not either, because the optimiser updates
/// all weights between two uses.
const WEIGHTS: usize = 24 << 20;

fn layers(c: &mut Criterion<Rate>) {
    const BATCH: usize = 128;
    let mut group = c.benchmark_group("linear");
    for (inputs, outputs) in [(784, 400), (512, 1024), (1024, 784)] {
        let size = inputs * outputs;
        let (mut x, mut y) = (numbers(BATCH * inputs, 0.0), numbers(BATCH * outputs, 0.1));
        let mut weights: Vec<_> = (0..WEIGHTS / 4 / size).map(|_| numbers(size, 0.2)).collect();
        let count = weights.len();
        group.throughput(Throughput::Elements(2 * (BATCH * size) as u64));
        for kernel in ["forward", "input_grad", "weight_grad"] {
            let mut turn = 0;
            group.bench_function(format!("{inputs}-{outputs}/{kernel}"), |bench| {
                bench.iter(|| {
                    turn = (turn + 1) % count;
                    let w = weights[turn].as_mut_slice();
                    let (x, y) = (x.as_mut_slice(), y.as_mut_slice());
                    let into = Update::Overwrite;
                    match kernel {
                        "forward" => {
                            gemm(Mat::new(x, BATCH, inputs), Mat::new(w, outputs, inputs).t(), into, y)
                        }
                        "input_grad" => {
                            gemm(Mat::new(y, BATCH, outputs), Mat::new(w, outputs, inputs), into, x)
                        }
                        _ => gemm(Mat::new(y, BATCH, outputs).t(), Mat::new(x, BATCH, inputs), into, w),
                    }
                });
            });
        }
    }
    group.finish();
}

fn main() {
    let mut c = Rate::flops();
    products(&mut c);
    layers(&mut c);
    c.final_summary();
}
