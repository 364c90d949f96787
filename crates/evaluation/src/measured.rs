//! Classes and factors of images, as judges see them.

use crate::factors::FACTORS;
use adjoint_nn::Tensor;
use adjoint_recipes::limits;
use adjoint_runs::BoxError;
use std::ops::Range;

/// Images that are in memory at once, where they are small.
const CHUNK: usize = 500;
/// Standard deviations from its mean beyond which a factor is high or low.
const FAR: f64 = 0.5;

/// Classes and factors of images.
pub(crate) struct Measured {
    pub(crate) classes: Vec<usize>,
    /// (N, factors).
    pub(crate) factors: Tensor<f64>,
}

impl Measured {
    pub(crate) fn factor(&self, image: usize, factor: usize) -> f64 {
        self.factors.data()[image * FACTORS.len() + factor]
    }

    /// Is an image of a class, and high, or low, in a factor?
    pub(crate) fn is(&self, image: usize, class: usize, factor: usize, high: bool) -> bool {
        let value = self.factor(image, factor);
        self.classes[image] == class && if high { value > FAR } else { value < -FAR }
    }
}

/// Classes and factors of `count` images, which `make` gives by range and `look` measures: as many
/// at a time as fit into some 64 MB.
///
/// # Errors
/// Those of `make` and of `look`.
pub(crate) fn in_parts(
    count: usize,
    image_len: usize,
    mut make: impl FnMut(Range<usize>) -> Result<Tensor<f32>, BoxError>,
    mut look: impl FnMut(&Tensor<f32>) -> Result<(Vec<usize>, Tensor<f64>), BoxError>,
) -> Result<Measured, BoxError> {
    let (mut classes, mut factors) = (vec![], vec![]);
    for part in limits::parts(0..count, limits::chunk(CHUNK, image_len)) {
        let (of_part, factors_of_part) = look(&make(part)?)?;
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

    /// 400 images of 512 x 512 pixels in colour are 1.2 GB.
    #[test]
    fn large_images_are_measured_in_parts() {
        alone(|| {
            let (count, image_len) = (400, 512 * 512 * 3);
            memory::reset_peak();
            let make = |range: Range<usize>| Ok(Tensor::full([range.len(), 512, 512, 3], range.start as f32));
            let look = |x: &Tensor<f32>| {
                let first = x.data()[0] as usize;
                let rows = x.dims()[0];
                Ok(((first..first + rows).collect(), Tensor::full([rows, FACTORS.len()], first as f64)))
            };
            let found = in_parts(count, image_len, make, look).unwrap();
            assert!(found.classes.iter().copied().eq(0..count));
            assert_eq!(found.factors.dims(), [count, FACTORS.len()]);
            let peak = memory::stats().peak;
            assert!(peak < 100 << 20, "{peak} bytes at once");
        });
    }
}
