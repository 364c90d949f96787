//! Tests that each pixel of each tile of a sample grid is at its position in the PNG file.

use adjoint_runs::{Grid, Image};
use adjoint_tensor::{PixelRange, Tensor};

/// Returns images with values in [0, 1] that depend on the image, row, column and channel, as
/// [`byte`] defines.
fn images(dims: [usize; 4]) -> Tensor<f32> {
    let [_, height, width, channels] = dims;
    Tensor::build(dims, |values: &mut [f32]| {
        for (at, value) in values.iter_mut().enumerate() {
            let (pixel, channel) = (at / channels, at % channels);
            let (i, row, column) = (pixel / width / height, pixel / width % height, pixel % width);
            *value = byte(i, row, column, channel) as f32 / 255.0;
        }
    })
}

fn byte(i: usize, row: usize, column: usize, channel: usize) -> u8 {
    ((i * 37 + row * 11 + column * 3 + channel * 91) % 256) as u8
}

/// Draws a grid, writes it, reads it back, and compares every pixel with the expected value.
fn check(dims: [usize; 4], grid: Grid) {
    let [count, height, width, channels] = dims;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("grid.png");
    grid.draw(&images(dims), PixelRange::Unit).write_png(&path).unwrap();
    let picture = Image::read_png(&path).unwrap();

    let columns = grid.columns.min(count);
    let (pitch_x, pitch_y) = (width * grid.scale + grid.margin, height * grid.scale + grid.margin);
    assert_eq!(picture.channels, channels);
    assert_eq!(picture.width, columns * pitch_x + grid.margin, "{dims:?} {grid:?}");
    assert_eq!(picture.height, count.div_ceil(columns) * pitch_y + grid.margin, "{dims:?} {grid:?}");
    for y in 0..picture.height {
        for x in 0..picture.width {
            let tile = |at: usize, pitch: usize| {
                (at >= grid.margin).then(|| ((at - grid.margin) / pitch, (at - grid.margin) % pitch))
            };
            let expected = match (tile(x, pitch_x), tile(y, pitch_y)) {
                (Some((column, dx)), Some((row, dy)))
                    if dx < width * grid.scale
                        && dy < height * grid.scale
                        && row * columns + column < count =>
                {
                    let (i, row, column) = (row * columns + column, dy / grid.scale, dx / grid.scale);
                    (0..channels).map(|channel| byte(i, row, column, channel)).collect()
                }
                _ => vec![grid.shade; channels],
            };
            assert_eq!(pixel(&picture, x, y), expected, "({x}, {y}) of {dims:?} {grid:?}");
        }
    }
}

fn pixel(image: &Image, x: usize, y: usize) -> &[u8] {
    assert!(x < image.width && y < image.height);
    &image.pixels[(y * image.width + x) * image.channels..][..image.channels]
}

#[test]
fn every_pixel_of_every_tile_is_in_its_place() {
    for dims in [[1, 1, 1, 1], [6, 5, 3, 1], [7, 3, 5, 3], [10, 2, 2, 1], [9, 4, 4, 3]] {
        for columns in [1, 3, 4, 20] {
            for (margin, scale) in [(0, 1), (2, 1), (1, 3)] {
                check(dims, Grid { columns, margin, scale, shade: 200 });
            }
        }
    }
}

#[test]
fn a_square_grid_enlarges_what_is_small() {
    assert_eq!(Grid::square(64, 28), Grid { columns: 8, margin: 2, scale: 2, shade: 255 });
    assert_eq!(Grid::square(100, 64), Grid { columns: 10, margin: 2, scale: 1, shade: 255 });
}

#[test]
#[should_panic(expected = "images have the shape (n, height, width, channels)")]
fn a_tensor_without_a_batch_of_images_is_rejected() {
    Grid::square(1, 2).draw(&Tensor::zeros([2, 2]), PixelRange::Unit);
}

#[test]
fn a_file_that_is_not_a_png_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("not.png");
    std::fs::write(&path, "text").unwrap();
    let error = Image::read_png(&path).unwrap_err().to_string();
    assert!(error.contains("not.png: not a readable PNG file"), "{error}");
}
