//! Metrics of generated samples.
//!
//! No single number measures the quality of samples, so there are several metrics. docs/metrics.md
//! describes the strengths and blind spots of each metric. All metrics work on plain tensors of
//! shape (N, D), one row per sample: pixel values, or features computed by a [`judge`]. Sums and
//! matrix products are computed in `f64`, because distances use |x - y|^2 = |x|^2 + |y|^2 - 2 <x,
//! y>, where digits cancel. Apart from rounding, no result depends on the order of the samples or
//! on the number of rows that are processed at once.
//!
//! A row with an entry that is not finite has an infinite distance from all other rows. It is
//! therefore no neighbour of another row, is inside no ball, and adds nothing to a Parzen window.
//! Moments, kernels and scores of such rows are not finite. Eigenvalues and Fréchet distances of
//! such rows panic.
//!
//! | module | contents |
//! | --- | --- |
//! | [`frechet`] | Fréchet distance between two normal distributions fitted to features (Heusel et al. 2017) |
//! | [`kernel`] | maximum mean discrepancy with a polynomial kernel (Bińkowski et al. 2018) |
//! | [`classifier`] | classifier score, confidence and class histogram (Salimans et al. 2016) |
//! | [`manifold`] | precision and recall, density and coverage (Kynkäänniemi et al. 2019; Naeem et al. 2020) |
//! | [`parzen`] | log-likelihood under a Parzen window (Goodfellow et al. 2014) |
//! | [`neighbours`] | nearest neighbours, and metrics based on them: classification, two-sample test, memorisation |
//! | [`sliced`] | sliced Wasserstein distance of details at several resolutions (Karras et al. 2018) |
//! | [`laplacian`] | Laplacian pyramids of images (Burt & Adelson 1983) |
//! | [`annealed`] | lower and upper bounds on the log-likelihood of a decoder by annealed importance sampling (Wu et al. 2017) |
//! | [`plane`] | divergence of low-dimensional samples from a known density |
//! | [`sharpness()`] | sharpness of images |
//! | [`judge`] | the classifier or regressor that computes the features |
//! | [`rotation`] | rotated images, whose rotation a judge predicts (Gidaris et al. 2018) |
//! | [`linalg`] | moments, and eigenvalues of symmetric matrices |
//!
//! If the samples are the data shifted by 3 along one of two axes, the Fréchet distance is 3^2:
//!
//! ```
//! use adjoint_metrics::frechet::Reference;
//! use adjoint_metrics::linalg::Moments;
//! use adjoint_nn::{Stream, Tensor};
//!
//! let data: Tensor<f64> = Stream::new(1, "data", 0).normal_tensor([500, 2], 0.0, 1.0);
//! let samples = data.zip(&Tensor::from_slice([2], &[3.0, 0.0]), |x, shift| x + shift);
//! let distance = Reference::new(Moments::of(&data)).distance(&Moments::of(&samples));
//! assert!((distance - 9.0).abs() < 1e-9);
//! ```
#![forbid(unsafe_code)]

pub mod annealed;
pub mod classifier;
pub mod frechet;
pub mod judge;
pub mod kernel;
pub mod laplacian;
pub mod linalg;
pub mod manifold;
pub mod neighbours;
pub mod parzen;
pub mod plane;
pub mod rotation;
mod sharpness;
pub mod sliced;
mod statistics;
mod symmetric;

use adjoint_nn::Tensor;

pub use sharpness::sharpness;
pub use statistics::Estimate;

/// Returns samples, whose first axis is N, as rows (N, D) in `f64`.
pub fn rows_of(samples: &Tensor<f32>) -> Tensor<f64> {
    let [_, d] = samples.shape().around(0);
    Tensor::build([samples.dims()[0], d], |out: &mut [f64]| {
        out.iter_mut().zip(samples.data()).for_each(|(y, x)| *y = f64::from(*x));
    })
}
