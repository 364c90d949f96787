//! Conversion between pixel values and bytes.

use adjoint_kernels::pointwise;

use crate::{Shape, Tensor};

/// The values that stand for black and white in a tensor of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelRange {
    /// 0 is black and 1 is white, as in probabilities. For models that end in a sigmoid.
    Unit,
    /// -1 is black and 1 is white. For models that end in a tanh.
    Symmetric,
}

impl PixelRange {
    /// Returns a tensor with the value of each byte, from 0 (black) to 255 (white). The values of
    /// black and white are exact.
    ///
    /// # Panics
    /// If the number of bytes differs from the size of the shape.
    #[track_caller]
    pub fn tensor(self, shape: impl Into<Shape>, bytes: &[u8]) -> Tensor<f32> {
        Tensor::build(shape, |out| match self {
            Self::Unit => pointwise::map(bytes, out, |byte| f32::from(byte) / 255.0),
            Self::Symmetric => pointwise::map(bytes, out, |byte| f32::from(byte) / 127.5 - 1.0),
        })
    }

    /// Returns the byte nearest to a value. Values outside the range are clipped; NaN becomes 0.
    pub fn to_byte(self, value: f32) -> u8 {
        (self.to_unit(value) * 255.0).round() as u8
    }

    /// Maps a value of this range to \[0, 1\], the range of [`Unit`](Self::Unit). Values outside
    /// the range are not clipped.
    pub fn to_unit(self, value: f32) -> f32 {
        match self {
            Self::Unit => value,
            Self::Symmetric => (value + 1.0) / 2.0,
        }
    }

    /// Maps a value of \[0, 1\] to this range: the inverse of [`to_unit`](Self::to_unit).
    pub fn of_unit(self, value: f32) -> f32 {
        match self {
            Self::Unit => value,
            Self::Symmetric => 2.0 * value - 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PixelRange::{Symmetric, Unit};

    #[test]
    fn values_become_the_nearest_bytes() {
        let symmetric = [-1.5, -1.0, -0.999, 0.0, 0.5, 1.0, 7.0].map(|v| Symmetric.to_byte(v));
        assert_eq!(symmetric, [0, 0, 0, 128, 191, 255, 255]);
        let unit = [-0.1, 0.0, 0.1, 0.5, 1.0, f32::INFINITY, f32::NAN].map(|v| Unit.to_byte(v));
        assert_eq!(unit, [0, 0, 26, 128, 255, 255, 0]);
        assert_eq!([-3.0, -1.0, 0.5, 1.0].map(|v| Symmetric.to_unit(v)), [-1.0, 0.0, 0.75, 1.0]);
        assert_eq!([-1.0, 0.0, 0.75, 1.0].map(|v| Symmetric.of_unit(v)), [-3.0, -1.0, 0.5, 1.0]);
        assert_eq!([-0.5, 0.25].map(|v| Unit.of_unit(Unit.to_unit(v))), [-0.5, 0.25]);
    }

    #[test]
    fn bytes_come_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        for (range, ends) in [(Unit, [0.0, 1.0]), (Symmetric, [-1.0, 1.0])] {
            let values = range.tensor([1, 256], &bytes);
            let values = values.data();
            assert_eq!([values[0], values[255]], ends);
            assert!((0..=255).all(|byte| range.to_byte(values[usize::from(byte)]) == byte), "{range:?}");
        }
    }
}
