//! The class and the factors of images, as the judges estimate them.

use crate::judges::FACTORS;
use adjoint_nn::Tensor;
use adjoint_recipes::limits;
use adjoint_runs::BoxError;
use std::ops::Range;

/// Maximum number of images that are in memory at once; fewer if images are large.
const CHUNK: usize = 500;
/// A factor is high if it is more than this many standard deviations above its mean, and low if it
/// is more than this below.
const FAR: f64 = 0.5;

/// The class and the factors of each of several images.
pub(crate) struct Measured {
    pub(crate) classes: Vec<usize>,
    /// The factors, (N, factors), each in standard deviations from its mean over the training
    /// images.
    pub(crate) factors: Tensor<f64>,
}

impl Measured {
    pub(crate) fn factor(&self, image: usize, factor: usize) -> f64 {
        self.factors.data()[image * FACTORS.len() + factor]
    }

    /// Returns true if an image has this class and the factor is high (or low, if `high` is false).
    pub(crate) fn is(&self, image: usize, class: usize, factor: usize, high: bool) -> bool {
        let value = self.factor(image, factor);
        self.classes[image] == class && if high { value > FAR } else { value < -FAR }
    }
}

/// Measures the classes and factors of `count` images. `make` returns the images of a range, and
/// `measure` returns their classes and factors. The images of a range take at most about 64 MB.
///
/// # Errors
/// If `make` or `measure` fails.
pub(crate) fn in_parts(
    count: usize,
    image_len: usize,
    mut make: impl FnMut(Range<usize>) -> Result<Tensor<f32>, BoxError>,
    mut measure: impl FnMut(&Tensor<f32>) -> Result<(Vec<usize>, Tensor<f64>), BoxError>,
) -> Result<Measured, BoxError> {
    let (mut classes, mut factors) = (vec![], vec![]);
    for part in limits::parts(0..count, limits::chunk(CHUNK, image_len)) {
        let (of_part, factors_of_part) = measure(&make(part)?)?;
        classes.extend(of_part);
        factors.push(factors_of_part);
    }
    Ok(Measured { classes, factors: Tensor::concat(&factors.iter().collect::<Vec<_>>(), 0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_tensor::memory;
    use adjoint_testing::alone;

    /// All 400 images of 512 x 512 pixels with three channels would take 1.2 GB at once. The test
    /// checks that only a part of them is in memory.
    #[test]
    fn large_images_are_measured_in_parts() {
        alone(|| {
            let (count, image_len) = (400, 512 * 512 * 3);
            memory::reset_peak();
            let make = |range: Range<usize>| Ok(Tensor::full([range.len(), 512, 512, 3], range.start as f32));
            let measure = |x: &Tensor<f32>| {
                let first = x.data()[0] as usize;
                let rows = x.dims()[0];
                Ok(((first..first + rows).collect(), Tensor::full([rows, FACTORS.len()], first as f64)))
            };
            let found = in_parts(count, image_len, make, measure).unwrap();
            assert!(found.classes.iter().copied().eq(0..count));
            assert_eq!(found.factors.dims(), [count, FACTORS.len()]);
            let peak = memory::stats().peak;
            assert!(peak < 100 << 20, "{peak} bytes at once");
        });
    }
}
