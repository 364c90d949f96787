//! The meaning of the axes of an array.

use std::borrow::Cow;

use super::ArrayProblem;
use crate::settings::MAX_SIDE;

/// The most images of an array. Each needs memory besides its pixels: docs/performance/loading.md.
pub(super) const MAX_IMAGES: usize = 1 << 24;

/// The meaning of the axes of an array of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) images: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    /// Values per pixel: 1 or 3.
    pub(super) channels: usize,
    /// Are the channels before the rows? Otherwise they are after the columns.
    pub(super) planar: bool,
}

impl Layout {
    pub(super) fn of(shape: &[usize]) -> Result<Self, ArrayProblem> {
        let is_channels = |size| size == 1 || size == 3;
        let (images, height, width, channels, planar) = match *shape {
            [_, _, last] if is_channels(last) => return Err(ArrayProblem::OneColorImage(shape.to_vec())),
            [n, h, w] => (n, h, w, 1, false),
            [_, second, _, last] if is_channels(second) && is_channels(last) => {
                return Err(ArrayProblem::AmbiguousShape(shape.to_vec()));
            }
            [n, h, w, c] if is_channels(c) => (n, h, w, c, false),
            [n, c, h, w] if is_channels(c) => (n, h, w, c, true),
            _ => return Err(ArrayProblem::Shape(shape.to_vec())),
        };
        if shape.contains(&0) {
            return Err(ArrayProblem::Empty(shape.to_vec()));
        }
        if images > MAX_IMAGES {
            return Err(ArrayProblem::TooManyImages(images));
        }
        if height.max(width) > MAX_SIDE {
            return Err(ArrayProblem::Side(height, width));
        }
        Ok(Self { images, height, width, channels, planar })
    }

    /// Do the images have the same height, width and channels?
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let shape = |layout: &Self| [layout.height, layout.width, layout.channels];
        shape(self) == shape(other)
    }

    /// Values of an image.
    pub(super) fn image_len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Moves the channels of an image after its columns.
    pub(super) fn interleave<'a>(&self, image: &'a [u8]) -> Cow<'a, [u8]> {
        if !self.planar || self.channels == 1 {
            return Cow::Borrowed(image);
        }
        let mut pixels = Vec::with_capacity(image.len());
        adjoint_raster::planes_to_pixels(image, &mut pixels);
        Cow::Owned(pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_recognised_by_their_number() {
        let layout =
            |images, height, width, channels, planar| Layout { images, height, width, channels, planar };
        for (shape, expected) in [
            (&[9, 28, 30][..], layout(9, 28, 30, 1, false)),
            (&[9, 1, 4], layout(9, 1, 4, 1, false)),
            (&[1, 8, 6, 3], layout(1, 8, 6, 3, false)),
            (&[3, 8, 6, 1], layout(3, 8, 6, 1, false)),
            (&[3, 3, 8, 6], layout(3, 8, 6, 3, true)),
            (&[2, 1, 8, 6], layout(2, 8, 6, 1, true)),
            (&[2, 8, 3, 3], layout(2, 8, 3, 3, false)),
        ] {
            assert_eq!(Layout::of(shape).unwrap(), expected, "{shape:?}");
        }
        for shape in [&[9, 3, 8, 3][..], &[9, 1, 8, 1], &[9, 1, 8, 3], &[9, 3, 8, 1], &[0, 3, 3, 3]] {
            assert!(matches!(Layout::of(shape), Err(ArrayProblem::AmbiguousShape(_))), "{shape:?}");
        }
        for shape in [&[][..], &[9], &[9, 784], &[9, 8, 6, 4], &[9, 8, 6, 2], &[2, 9, 8, 6, 3]] {
            assert!(matches!(Layout::of(shape), Err(ArrayProblem::Shape(_))), "{shape:?}");
        }
        for shape in [&[0, 8, 6][..], &[9, 0, 6], &[9, 8, 0, 3], &[0, 3, 8, 8]] {
            assert!(matches!(Layout::of(shape), Err(ArrayProblem::Empty(_))), "{shape:?}");
        }
        for shape in [&[28, 30, 3][..], &[3, 3, 3], &[9, 8, 1]] {
            assert!(matches!(Layout::of(shape), Err(ArrayProblem::OneColorImage(_))), "{shape:?}");
        }
        assert!(Layout::of(&[MAX_IMAGES, 8, 6]).is_ok());
        for shape in [&[MAX_IMAGES + 1, 8, 6][..], &[usize::MAX, 8, 6, 3]] {
            assert!(matches!(Layout::of(shape), Err(ArrayProblem::TooManyImages(_))), "{shape:?}");
        }
        for shape in [[1, MAX_SIDE + 1, 6], [1, 6, usize::MAX]] {
            assert!(matches!(Layout::of(&shape), Err(ArrayProblem::Side(..))), "{shape:?}");
        }
    }

    #[test]
    fn planes_become_pixels() {
        let image: Vec<u8> = (0..12).collect();
        let layout = Layout::of(&[1, 3, 2, 2]).unwrap();
        assert_eq!(*layout.interleave(&image), [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
        let layout = Layout::of(&[1, 2, 2, 3]).unwrap();
        assert_eq!(*layout.interleave(&image), image);
    }
}
