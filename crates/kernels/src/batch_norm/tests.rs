//! Tests of batch norm. They compare the kernels with their definition, kernels that include the
//! activation with separate kernels, and the results of several numbers of threads.

use super::*;
use crate::reference;
use crate::reference::testing::{assert_same_bits, wave};

struct Case {
    x: Vec<f64>,
    y_bar: Vec<f64>,
    gamma: Vec<f64>,
    beta: Vec<f64>,
}

impl Case {
    /// Returns `m` rows of `c` channels, with x around `offset`.
    fn new(m: usize, c: usize, offset: f64) -> Self {
        let wave = |n: usize, k: f64| (0..n).map(|i| (i as f64 * k).sin()).collect::<Vec<_>>();
        let x = wave(m * c, 1.7).iter().map(|v| v + offset).collect();
        Case { x, y_bar: wave(m * c, 0.9), gamma: wave(c, 2.3), beta: wave(c, 3.1) }
    }
}

fn close(got: &[f64], want: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), want.len());
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() <= tolerance * (1.0 + w.abs()), "{what}: {g} for {w}");
    }
}

#[test]
fn equals_the_definition() {
    for (m, c, offset) in [(1, 1, 0.0), (2, 3, 0.0), (700, 5, 1e3), (40_000, 2, -3.0), (64, 70, 0.5)] {
        let Case { x, y_bar, gamma, beta } = Case::new(m, c, offset);
        let [mut mean, mut residual, mut variance] = [(); 3].map(|()| vec![f64::NAN; c]);
        statistics(&x, Statistics { mean: &mut mean, residual: &mut residual, variance: &mut variance });
        let want = reference::batch_norm(&x, c, &gamma, &beta, 1e-5, &y_bar);
        close(&mean, &want.mean, 1e-12, "mean");
        close(&variance, &want.variance, 1e-9, "variance");
        let by = Channels {
            mean: &mean,
            residual: &residual,
            variance: &variance,
            gamma: &gamma,
            beta: &beta,
            eps: 1e-5,
        };
        let (mut y, mut x_bar) = (vec![f64::NAN; m * c], vec![f64::NAN; m * c]);
        let (mut gamma_bar, mut beta_bar) = (vec![f64::NAN; c], vec![f64::NAN; c]);
        normalise_activated(&x, by, Activation::Identity, &mut y);
        let into = Gradients { x_bar: &mut x_bar, gamma_bar: &mut gamma_bar, beta_bar: &mut beta_bar };
        backward_activated(&x, &y_bar, by, Activation::Identity, into);
        close(&y, &want.y, 1e-9, "y");
        close(&gamma_bar, &want.gamma_bar, 1e-8, "gamma_bar");
        close(&beta_bar, &want.beta_bar, 1e-9, "beta_bar");
        close(&x_bar, &want.x_bar, 1e-8, "x_bar");
    }
}

/// Batch norm with its activation in the same pass equals batch norm followed by a separate
/// activation.
#[test]
fn an_activation_is_the_same_fused_or_apart() {
    for (m, c, slope) in [(700, 5, 0.2), (64, 70, 0.0), (40_000, 2, 0.2)] {
        let Case { x, y_bar, gamma, beta } = Case::new(m, c, 0.5);
        let [mut mean, mut residual, mut variance] = [(); 3].map(|()| vec![0.0; c]);
        statistics(&x, Statistics { mean: &mut mean, residual: &mut residual, variance: &mut variance });
        let by = Channels {
            mean: &mean,
            residual: &residual,
            variance: &variance,
            gamma: &gamma,
            beta: &beta,
            eps: 1e-5,
        };
        let (mut z, mut y) = (vec![f64::NAN; m * c], vec![f64::NAN; m * c]);
        normalise_activated(&x, by, Activation::Identity, &mut z);
        normalise_activated(&x, by, Activation::LeakyRelu(slope), &mut y);
        let apart: Vec<f64> = z.iter().map(|&z| if z > 0.0 { z } else { slope * z }).collect();
        assert_eq!(y, apart);
        let z_bar: Vec<f64> =
            z.iter().zip(&y_bar).map(|(&z, &g)| if z > 0.0 { g } else { slope * g }).collect();
        let grads = |y_bar: &[f64], activation| {
            let (mut x_bar, mut gamma_bar, mut beta_bar) =
                (vec![f64::NAN; m * c], vec![f64::NAN; c], vec![f64::NAN; c]);
            let into = Gradients { x_bar: &mut x_bar, gamma_bar: &mut gamma_bar, beta_bar: &mut beta_bar };
            backward_activated(&x, y_bar, by, activation, into);
            [x_bar, gamma_bar, beta_bar]
        };
        assert_eq!(grads(&y_bar, Activation::LeakyRelu(slope)), grads(&z_bar, Activation::Identity));
    }
}

/// If the activation is a ReLU, the gradient with respect to a negative z is 0, even if the
/// gradient with respect to y is infinite.
#[test]
fn an_infinite_gradient_does_not_pass_a_relu() {
    let x = [-1.0f32, 1.0, -1.0, 1.0];
    let by =
        Channels { mean: &[0.0], residual: &[0.0], variance: &[1.0], gamma: &[1.0], beta: &[0.0], eps: 0.0 };
    let gradients = |hidden: f32| {
        let (mut x_bar, mut gamma_bar, mut beta_bar) = ([f32::NAN; 4], [f32::NAN], [f32::NAN]);
        let y_bar = [hidden, 2.0, hidden, -1.0];
        let into = Gradients { x_bar: &mut x_bar, gamma_bar: &mut gamma_bar, beta_bar: &mut beta_bar };
        backward_activated(&x, &y_bar, by, Activation::RELU, into);
        (x_bar, gamma_bar, beta_bar)
    };
    assert_eq!(gradients(f32::INFINITY), gradients(0.0));
    assert_eq!(gradients(f32::NAN), gradients(0.0));
    let mut y = [f32::NAN; 2];
    normalise_activated(&[f32::NEG_INFINITY, 2.0], by, Activation::RELU, &mut y);
    assert_eq!(y, [0.0, 2.0]);
}

/// The mean of data near 1000 is as accurate as one rounding allows. The rounding error of a
/// running sum in `f32` would exceed the last digit of the result.
#[test]
fn the_mean_of_data_far_from_zero_is_rounded_once() {
    let x: Vec<f32> = Case::new(700, 3, 1e3).x.iter().map(|&x| x as f32).collect();
    let [mut mean, mut residual, mut variance] = [(); 3].map(|()| vec![0.0f32; 3]);
    statistics(&x, Statistics { mean: &mut mean, residual: &mut residual, variance: &mut variance });
    for j in 0..3 {
        let column = || x.iter().skip(j).step_by(3).map(|&x| f64::from(x));
        let exact = column().sum::<f64>() / 700.0;
        let spread = column().map(|x| (x - exact) * (x - exact)).sum::<f64>() / 700.0;
        assert_eq!(mean[j], exact as f32);
        assert!((f64::from(variance[j]) / spread - 1.0).abs() < 1e-6);
    }
}

/// Data of 10^7 and 10^7 + 1 is normalised correctly. Its mean, 10^7 + 0.5, is not representable in
/// `f32`. The rounding error of the mean is as large as the standard deviation.
#[test]
fn data_far_from_zero_is_normalised_about_its_mean() {
    let (far, near) = ([1e7f32, 1e7 + 1.0, 1e7 + 1.0, 1e7], [0.0f32, 1.0, 1.0, 0.0]);
    let outputs = |x: &[f32; 4]| {
        let [mut mean, mut residual, mut variance] = [[f32::NAN]; 3];
        statistics(x, Statistics { mean: &mut mean, residual: &mut residual, variance: &mut variance });
        let by = Channels {
            mean: &mean,
            residual: &residual,
            variance: &variance,
            gamma: &[2.0],
            beta: &[0.5],
            eps: 1e-5,
        };
        let ([mut y, mut x_bar], [mut gamma_bar, mut beta_bar]) = ([[f32::NAN; 4]; 2], [[f32::NAN]; 2]);
        normalise_activated(x, by, Activation::LeakyRelu(0.2), &mut y);
        let y_bar = [1.0, 2.0, 5.0, -3.0];
        let into = Gradients { x_bar: &mut x_bar, gamma_bar: &mut gamma_bar, beta_bar: &mut beta_bar };
        backward_activated(x, &y_bar, by, Activation::LeakyRelu(0.2), into);
        [&y[..], &x_bar, &gamma_bar, &beta_bar].concat().iter().map(|&v| f64::from(v)).collect::<Vec<_>>()
    };
    close(&outputs(&far), &outputs(&near), 1e-6, "outputs");
    assert!((outputs(&far)[1] - 2.5).abs() < 1e-4, "gamma + beta, up to eps: {}", outputs(&far)[1]);
}

/// Sums over the many rows of a chunk with one channel are accurate. The errors of a running sum in
/// `f32` would add up.
#[test]
fn sums_over_many_rows_keep_their_digits() {
    let m = 16 * 1024;
    // The first row, from which distances are measured, differs from all others.
    let x: Vec<f32> = (0..m).map(|i| if i == 0 { 0.0 } else { 0.1 }).collect();
    let [mut mean, mut residual, mut variance] = [[f32::NAN]; 3];
    statistics(&x, Statistics { mean: &mut mean, residual: &mut residual, variance: &mut variance });
    let exact = f64::from(0.1f32) * (1.0 - 1.0 / m as f64);
    let mu = f64::from(mean[0]) + f64::from(residual[0]);
    assert!((mu / exact - 1.0).abs() < 6e-7, "mean {mu} for {exact}");
    let by =
        Channels { mean: &[0.0], residual: &[0.0], variance: &[1.0], gamma: &[1.0], beta: &[0.0], eps: 0.0 };
    let (mut x_bar, mut gamma_bar, mut beta_bar) = (vec![0.0; m], [f32::NAN], [f32::NAN]);
    let ones = vec![1.0; m];
    let into = Gradients { x_bar: &mut x_bar, gamma_bar: &mut gamma_bar, beta_bar: &mut beta_bar };
    backward_activated(&ones, &x, by, Activation::Identity, into);
    for (name, sum) in [("gamma_bar", gamma_bar[0]), ("beta_bar", beta_bar[0])] {
        let error = (f64::from(sum) / (exact * m as f64) - 1.0).abs();
        assert!(error < 6e-7, "{name} {sum}: off by {error:e}");
    }
}

#[test]
fn same_bits_for_any_number_of_threads() {
    let x: Vec<f32> = Case::new(9_000, 24, 2.0).x.iter().map(|&x| x as f32).collect();
    let y_bar = wave(x.len(), 0.7);
    let (gamma, beta) = (wave(24, 0.3), wave(24, 0.4));
    assert_same_bits("batch norm", || {
        let [mut mean, mut residual, mut variance] = [(); 3].map(|()| vec![0.0; 24]);
        statistics(&x, Statistics { mean: &mut mean, residual: &mut residual, variance: &mut variance });
        let by = Channels {
            mean: &mean,
            residual: &residual,
            variance: &variance,
            gamma: &gamma,
            beta: &beta,
            eps: 1e-5,
        };
        let (mut y, mut x_bar) = (x.clone(), x.clone());
        let (mut gamma_bar, mut beta_bar) = (gamma.clone(), beta.clone());
        normalise_activated(&x, by, Activation::RELU, &mut y);
        let into = Gradients { x_bar: &mut x_bar, gamma_bar: &mut gamma_bar, beta_bar: &mut beta_bar };
        backward_activated(&x, &y_bar, by, Activation::RELU, into);
        [mean, variance, y, x_bar, gamma_bar, beta_bar].concat()
    });
}
