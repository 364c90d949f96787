//! What generated samples are worth.
//!
//! No number says it, so there are several, each with what it sees and what it is blind to
//! (docs/metrics.md). All work on plain tensors, rows of numbers (N, D): pixels, or what a
//! [`judge`] makes of them. Sums are in `f64`, distances through matrix products in `f64`, where
//! |x - y|^2 = |x|^2 + |y|^2 - 2 <x, y> cancels. Nothing depends on the order of samples or on how
//! many are held at once, but for rounding.
//!
//! A row with an entry that is not finite is at an infinite distance from all others: in
//! neighbours, windows and balls it is near nothing. Moments, kernels and scores of such rows are
//! not finite, and eigenvalues and Fréchet distances panic.
//!
//! | file | what |
//! | --- | --- |
//! | [`frechet`] | distance of two normal distributions fitted to features (Heusel et al. 2017) |
//! | [`kernel`] | maximum mean discrepancy with a polynomial kernel (Bińkowski et al. 2018) |
//! | [`classifier`] | classifier score, confidence, classes (Salimans et al. 2016) |
//! | [`manifold`] | precision and recall, density and coverage (Kynkäänniemi et al. 2019; Naeem et al. 2020) |
//! | [`parzen`] | log-likelihood under a Parzen window (Goodfellow et al. 2014) |
//! | [`neighbours`] | nearest neighbours, and what they say: classes, two-sample test, memorisation |
//! | [`annealed`] | log-likelihood of a decoder by annealed importance sampling, from both sides (Wu et al. 2017) |
//! | [`plane`] | points against a known density |
//! | [`sharpness()`] | how much of an image is edge |
//! | [`judge`] | the classifier, and the regressor of known factors, whose features all this is about |
//! | [`linalg`] | moments, and eigenvalues of symmetric matrices |
//!
//! Samples that are the data, shifted by 3 along one of two axes, have a Fréchet distance of 3^2:
//!
//! ```
//! use adjoint_metrics::frechet::frechet_distance;
//! use adjoint_metrics::linalg::Moments;
//! use adjoint_nn::{Stream, Tensor};
//!
//! let data: Tensor<f64> = Stream::new(1, "data", 0).normal_tensor([500, 2], 0.0, 1.0);
//! let samples = data.zip(&Tensor::from_slice([2], &[3.0, 0.0]), |x, shift| x + shift);
//! let distance = frechet_distance(&Moments::of(&data), &Moments::of(&samples));
//! assert!((distance - 9.0).abs() < 1e-9);
//! ```
#![forbid(unsafe_code)]

pub mod annealed;
pub mod classifier;
pub mod frechet;
pub mod judge;
pub mod kernel;
pub mod linalg;
pub mod manifold;
pub mod neighbours;
pub mod parzen;
pub mod plane;
mod sharpness;
mod statistics;
mod symmetric;

pub use sharpness::sharpness;
pub use statistics::Estimate;
