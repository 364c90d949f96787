//! Benches of convolutions: all layers of a DCGAN-64, the layers of smaller DCGANs, and kernels of
//! 3 x 3 and 5 x 5. Each bench times the output, the gradient with respect to the input, or the
//! gradient with respect to the weight. The unit is nominal GFLOP/s. A multiplication and its
//! addition count as two operations, even if the multiplication is by padding.
#![allow(missing_docs)]

use adjoint_benches::{Rate, dcgan64_layers, numbers, other_layers, small_dcgan_layers};
use adjoint_kernels::conv2d::{forward, input_grad, weight_grad};
use criterion::{Criterion, Throughput};

fn layers(c: &mut Criterion<Rate>) {
    for layer in dcgan64_layers().into_iter().chain(small_dcgan_layers()).chain(other_layers()) {
        let g = layer.geometry;
        let len = |shape: [usize; 4]| shape.iter().product::<usize>();
        let (x, w, y) =
            (numbers(len(g.x_shape()), 0.0), numbers(len(g.w_shape()), 0.1), numbers(len(g.y_shape()), 0.2));
        let (mut x_bar, mut w_bar, mut y_out) = (x.clone(), w.clone(), y.clone());
        let (x, w, y) = (x.as_slice(), w.as_slice(), y.as_slice());
        let (x_bar, w_bar, y_out) = (x_bar.as_mut_slice(), w_bar.as_mut_slice(), y_out.as_mut_slice());
        let family = if layer.transposed { "conv_transpose2d" } else { "conv2d" };
        // A transposed convolution swaps two computations of its convolution. Its output is the
        // input gradient of the convolution, and its input gradient is the output of the
        // convolution.
        let [value, by_input] =
            if layer.transposed { ["input_grad", "forward"] } else { ["forward", "input_grad"] };
        let mut group = c.benchmark_group(format!("{family}/{}", layer.name));
        group.throughput(Throughput::Elements(g.flops() as u64));
        group.bench_function(value, |b| b.iter(|| forward(&g, x, w, y_out)));
        group.bench_function(by_input, |b| b.iter(|| input_grad(&g, y, w, x_bar)));
        group.bench_function("weight_grad", |b| b.iter(|| weight_grad(&g, x, y, w_bar)));
        group.finish();
    }
}

fn main() {
    let mut c = Rate::flops();
    layers(&mut c);
    c.final_summary();
}
