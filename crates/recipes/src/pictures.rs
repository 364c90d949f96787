//! Pictures made of many images. Trainers and `sample` use the same code.

use crate::{Conditions, labels};
use adjoint_data::PixelRange;
use adjoint_nn::Tensor;
use adjoint_runs::{Grid, Image};

/// Number of images per row of [`series`].
pub const COLUMNS: usize = 8;
/// Number of samples in a picture of a training run without classes (8 x 8).
pub const SAMPLES: usize = 64;
/// Maximum number of classes in a picture of a training run.
const CLASSES: usize = 32;

/// Draws images (N, H, W, C) in floor(sqrt(N)) columns.
///
/// # Panics
/// If there is no image.
#[track_caller]
pub fn square(images: &Tensor<f32>, range: PixelRange) -> Image {
    rows(images, images.dims()[0].isqrt(), range)
}

/// Draws one image (1, H, W, C) pixel by pixel, without a margin.
///
/// # Panics
/// If there is no image or more than one.
#[track_caller]
pub fn alone(image: &Tensor<f32>, range: PixelRange) -> Image {
    assert_eq!(image.dims()[0], 1, "one image");
    Grid { columns: 1, margin: 0, scale: 1, shade: 0 }.draw(image, range)
}

/// Draws images (N, H, W, C) in this number of columns.
///
/// # Panics
/// If there is no image or no column.
#[track_caller]
pub fn rows(images: &Tensor<f32>, columns: usize, range: PixelRange) -> Image {
    let [count, height, ..] = images.shape().nhwc();
    Grid { columns, ..Grid::square(count, height) }.draw(images, range)
}

/// Draws several series of images (N, H, W, C) below one another: image i of a series is below
/// image i of the previous series. A row has [`COLUMNS`] images of one series.
///
/// # Panics
/// If there are no series, a series is empty, or the series differ in shape.
#[track_caller]
pub fn series(series: &[&Tensor<f32>], range: PixelRange) -> Image {
    rows(&below(series, COLUMNS), COLUMNS.min(series[0].dims()[0]), range)
}

/// Draws the samples of a training run: a square, or [one row per class](row_per_class) if there
/// are classes, up to 32 classes. `z` has [`SAMPLES`] latent vectors, of which rows use the first
/// [`COLUMNS`]. `sample` computes samples from latent vectors and one-hot labels.
pub fn samples(
    z: &Tensor<f32>,
    classes: Option<usize>,
    range: PixelRange,
    sample: impl FnOnce(&Tensor<f32>, Conditions) -> Tensor<f32>,
) -> Image {
    let Some(classes) = classes else { return square(&sample(z, None), range) };
    let [z, labels] = row_per_class(&z.narrow(0, 0, COLUMNS), classes);
    let shown = COLUMNS * classes.min(CLASSES);
    let [z, labels] = [z, labels].map(|rows| rows.narrow(0, 0, shown));
    rows(&sample(&z, Some(&labels)), COLUMNS, range)
}

/// Returns the noise and the one-hot labels of a picture with one row per class. All samples in
/// column i of the picture have the noise in row i of `z`.
pub fn row_per_class(z: &Tensor<f32>, classes: usize) -> [Tensor<f32>; 2] {
    let columns = z.dims()[0];
    let labels: Vec<usize> = (0..classes * columns).map(|i| i / columns).collect();
    [Tensor::concat(&vec![z; classes], 0), labels::one_hot(&labels, classes)]
}

/// Returns the images of [`series`] in the order in which they fill the picture. The first rows
/// have the first `columns` images of each series, one row per series. The next rows have the next
/// `columns` images of each series, and so on. Free places in the last rows are white.
fn below(series: &[&Tensor<f32>], columns: usize) -> Tensor<f32> {
    let n = series[0].dims()[0];
    let mut rows = vec![];
    for start in (0..n).step_by(columns) {
        let there = columns.min(n - start);
        for images in series {
            rows.push(images.narrow(0, start, there));
            if there < columns && n > columns {
                let shape = images.shape().with(0, columns - there);
                rows.push(Tensor::full(shape, 1.0));
            }
        }
    }
    Tensor::concat(&rows.iter().collect::<Vec<_>>(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_stay_below_one_another() {
        let a = Tensor::from_slice([3, 1, 1, 1], &[1.0, 2.0, 3.0]);
        let b = a.map(|x| 10.0 * x);
        assert_eq!(below(&[&a, &b], 2).data(), [1.0, 2.0, 10.0, 20.0, 3.0, 1.0, 30.0, 1.0]);
        assert_eq!(below(&[&a, &b], 4).data(), [1.0, 2.0, 3.0, 10.0, 20.0, 30.0]);
    }

    fn pixel(image: &Image, x: usize, y: usize) -> &[u8] {
        assert!(x < image.width && y < image.height);
        &image.pixels[(y * image.width + x) * image.channels..][..image.channels]
    }

    /// If each series is shorter than a row, the picture is only as wide as a series.
    #[test]
    fn short_series_are_below_one_another() {
        let [black, white] = [0.0, 1.0].map(|shade| Tensor::full([3, 64, 64, 1], shade));
        let picture = series(&[&black, &white], PixelRange::Unit);
        assert_eq!((picture.width, picture.height), (3 * 66 + 2, 2 * 66 + 2));
        assert_eq!([pixel(&picture, 150, 10), pixel(&picture, 150, 80)], [[0], [255]]);
    }

    /// Each sample is one pixel, whose shade is its noise.
    #[test]
    fn samples_of_classes_have_a_row_each() {
        let z = Tensor::build([SAMPLES, 1], |z| (0..SAMPLES).for_each(|i| z[i] = i as f32 / 255.0));
        let draw = |classes: Option<usize>| {
            samples(&z, classes, PixelRange::Unit, |z, labels| {
                assert_eq!(labels.map(|labels| labels.dims()[1]), classes);
                z.reshape([z.dims()[0], 1, 1, 1])
            })
        };
        let (square, rows) = (draw(None), draw(Some(10)));
        let tile = (square.width - 2) / 8;
        assert_eq!([square.height - 2, rows.width - 2, rows.height - 2], [8, 8, 10].map(|n| n * tile));
        for (column, row) in [(0, 0), (7, 0), (7, 7), (3, 5)] {
            let [x, y] = [column, row].map(|i| tile * i + 2);
            assert_eq!(pixel(&square, x, y), [(8 * row + column) as u8]);
            assert_eq!(pixel(&rows, x, y), [column as u8]);
        }
    }

    #[test]
    fn classes_share_their_noise() {
        let z = Tensor::from_slice([2, 1], &[5.0, 6.0]);
        let [z, labels] = row_per_class(&z, 3);
        assert_eq!(z.data(), [5.0, 6.0, 5.0, 6.0, 5.0, 6.0]);
        let want = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(|row| [row, row]).concat();
        assert_eq!(labels.data(), want.concat());
    }
}
