//! Sample grids: pictures of many small images side by side.

use adjoint_tensor::{PixelRange, Tensor};

use crate::image::Image;

/// The layout of a grid. The images are placed row by row as enlarged tiles, with a margin of one
/// shade around every tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Tiles per row. The last row may be shorter.
    pub columns: usize,
    /// Width in pixels of the margin between tiles and around the grid.
    pub margin: usize,
    /// Enlargement factor: each pixel of an image becomes a square of this side length.
    pub scale: usize,
    /// Shade of the margin and of places without a tile.
    pub shade: u8,
}

impl Grid {
    /// Returns a layout for `count` images of the given height. The grid is as square as possible,
    /// and small images are enlarged.
    pub fn square(count: usize, height: usize) -> Self {
        Self { columns: count.isqrt().max(1), margin: 2, scale: (64 / height.max(1)).max(1), shade: 255 }
    }

    /// Draws images of shape (n, height, width, 1 or 3) as a grid. Image i is in row i / columns
    /// and column i mod columns.
    ///
    /// # Panics
    /// If the tensor does not have this shape, if n is 0, or if `columns` or `scale` is 0.
    #[track_caller]
    pub fn draw(&self, images: &Tensor<f32>, range: PixelRange) -> Image {
        let &[count, height, width, channels] = images.dims() else {
            panic!("images have the shape (n, height, width, channels), not {:?}", images.dims());
        };
        assert!(count > 0 && self.columns > 0 && self.scale > 0, "cannot draw {count} images as {self:?}");
        let columns = self.columns.min(count);
        let pitch = (width * self.scale + self.margin, height * self.scale + self.margin);
        let picture = (columns * pitch.0 + self.margin, count.div_ceil(columns) * pitch.1 + self.margin);
        let mut picture = Image::filled(picture.0, picture.1, channels, self.shade);
        for (i, tile) in images.data().chunks_exact((height * width * channels).max(1)).enumerate() {
            let (x, y) = (self.margin + i % columns * pitch.0, self.margin + i / columns * pitch.1);
            for (row, line) in tile.chunks_exact(width * channels).enumerate() {
                let enlarged: Vec<u8> = line
                    .chunks_exact(channels)
                    .flat_map(|pixel| std::iter::repeat_n(pixel, self.scale).flatten())
                    .map(|&value| range.to_byte(value))
                    .collect();
                for copy in 0..self.scale {
                    let start = ((y + row * self.scale + copy) * picture.width + x) * channels;
                    picture.pixels[start..start + enlarged.len()].copy_from_slice(&enlarged);
                }
            }
        }
        picture
    }
}
