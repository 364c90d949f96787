//! Benches of passes that are limited by memory bandwidth: batch norm, pointwise maps, sums, Adam.
//! An operand has 16.8 MB. The unit is GB/s; the bytes are those that a pass must at least read and
//! write.
#![allow(missing_docs)]

use adjoint_benches::{Rate, numbers};
use adjoint_kernels::Element;
use adjoint_kernels::adam::Adam;
use adjoint_kernels::batch_norm::{
    Activation, Channels, Gradients, Statistics, backward_activated, normalise_activated, statistics,
};
use adjoint_kernels::memory::Buffer;
use adjoint_kernels::{pointwise, reduce};
use criterion::{Criterion, Throughput};

const CHANNELS: usize = 64;
const LEN: usize = 64 * 32 * 32 * CHANNELS;
const ACTIVATION: Activation = Activation::LeakyRelu(0.2);

fn channels([mean, residual, variance, gamma, beta]: [&[f32]; 5]) -> Channels<'_, f32> {
    Channels { mean, residual, variance, gamma, beta, eps: 1e-5 }
}

fn batch_norm(c: &mut Criterion<Rate>) {
    let (x, y_bar, mut out) = (numbers(LEN, 0.0), numbers(LEN, 0.1), Buffer::zeroed(LEN));
    let (x, y_bar, out) = (x.as_slice(), y_bar.as_slice(), out.as_mut_slice());
    let [mut mean, mut residual, mut variance] = [(); 3].map(|()| vec![0.0; CHANNELS]);
    let (gamma, beta) = (vec![1.5; CHANNELS], vec![0.5; CHANNELS]);
    let (mut gamma_bar, mut beta_bar) = (gamma.clone(), beta.clone());
    let mut group = c.benchmark_group("batch_norm");
    group.throughput(Throughput::BytesDecimal(3 * 4 * LEN as u64));
    group.bench_function("forward", |b| {
        b.iter(|| {
            statistics(x, Statistics { mean: &mut mean, residual: &mut residual, variance: &mut variance });
            let by = channels([&mean, &residual, &variance, &gamma, &beta]);
            normalise_activated(x, by, ACTIVATION, out);
        });
    });
    group.throughput(Throughput::BytesDecimal(5 * 4 * LEN as u64));
    group.bench_function("backward", |b| {
        let by = channels([&mean, &residual, &variance, &gamma, &beta]);
        b.iter(|| {
            let into = Gradients { x_bar: &mut *out, gamma_bar: &mut gamma_bar, beta_bar: &mut beta_bar };
            backward_activated(x, y_bar, by, ACTIVATION, into);
        });
    });
    group.finish();
}

fn pointwise_maps(c: &mut Criterion<Rate>) {
    let (x, g, mut y) = (numbers(LEN, 0.0), numbers(LEN, 0.1), Buffer::<f32>::zeroed(LEN));
    let (x, g, y) = (x.as_slice(), g.as_slice(), y.as_mut_slice());
    let bias = numbers(CHANNELS, 0.2);
    let bias = bias.as_slice();
    let mut group = c.benchmark_group("pointwise");
    group.throughput(Throughput::BytesDecimal(2 * 4 * LEN as u64));
    group.bench_function("leaky_relu", |b| {
        // The slope must not be a compile-time constant. In the engine it is a variable too.
        let slope = std::hint::black_box(0.2);
        b.iter(|| pointwise::map(x, y, move |x| x.leaky_relu(slope)));
    });
    group.bench_function("tanh", |b| b.iter(|| pointwise::map(x, y, <f32 as Element>::tanh)));
    group.bench_function("add bias", |b| {
        let dims = [1, 1, LEN / CHANNELS, CHANNELS];
        b.iter(|| pointwise::zip_broadcast((x, dims), (bias, [1, 1, 1, CHANNELS]), (y, dims), |a, b| a + b));
    });
    group.throughput(Throughput::BytesDecimal(3 * 4 * LEN as u64));
    group.bench_function("mul", |b| b.iter(|| pointwise::zip(x, g, y, |a, b| a * b)));
    group.throughput(Throughput::BytesDecimal(4 * LEN as u64));
    group.bench_function("sum", |b| b.iter(|| reduce::sum_to((x, [1, 1, 1, LEN]), (&mut y[..1], [1; 4]))));
    group.bench_function("sum to channels", |b| {
        let dims = [1, 1, LEN / CHANNELS, CHANNELS];
        b.iter(|| reduce::sum_to((x, dims), (&mut y[..CHANNELS], [1, 1, 1, CHANNELS])));
    });
    group.finish();
}

fn adam(c: &mut Criterion<Rate>) {
    let (g, mut theta) = (numbers(LEN, 0.0), numbers(LEN, 0.1));
    let (mut m, mut v) = (Buffer::zeroed(LEN), Buffer::zeroed(LEN));
    let (g, theta, m, v) = (g.as_slice(), theta.as_mut_slice(), m.as_mut_slice(), v.as_mut_slice());
    let adam = Adam { lr: 2e-4, beta1: 0.5, beta2: 0.999, eps: 1e-8, l2: 0.0, decay: 0.0 };
    let mut group = c.benchmark_group("adam");
    group.throughput(Throughput::BytesDecimal(7 * 4 * LEN as u64));
    group.bench_function("step", |b| b.iter(|| adam.step(10, theta, g, m, v)));
    group.finish();
}

fn main() {
    let mut c = Rate::flops();
    batch_norm(&mut c);
    pointwise_maps(&mut c);
    adam(&mut c);
    c.final_summary();
}
