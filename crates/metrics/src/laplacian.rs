//! Laplacian pyramids of images: Burt & Adelson, "The Laplacian pyramid as a compact image code"
//! (1983).
//!
//! A level is the difference between an image and its blurred copy. It has the details of one size.
//! The next level is computed from the blurred copy at half the resolution. The last level is not a
//! difference: it is the rest of the image at the lowest resolution.

use adjoint_nn::Tensor;

/// Lowest resolution of a pyramid: no level has fewer rows or columns, unless the image has.
pub const LOWEST: usize = 16;
/// The weights of five adjacent pixels in a blurred pixel (Burt & Adelson, equation 1 with a =
/// 3/8), along each axis.
const KERNEL: [f32; 5] = [1.0 / 16.0, 4.0 / 16.0, 6.0 / 16.0, 4.0 / 16.0, 1.0 / 16.0];

/// Returns the Laplacian pyramid of images (N, H, W, C), finest level first. Level k has the shape
/// (N, H / 2^k, W / 2^k, C), where halves are rounded up. [`LOWEST`] bounds the number of levels.
pub fn pyramid(images: &Tensor<f32>) -> Vec<Tensor<f32>> {
    let (mut levels, mut rest) = (vec![], images.clone());
    loop {
        let [_, height, width, _] = rest.shape().nhwc();
        if height.min(width).div_ceil(2) < LOWEST {
            break;
        }
        let next = reduce(&rest);
        levels.push(rest.zip(&expand(&next, [height, width]), |x, blurred| x - blurred));
        rest = next;
    }
    levels.push(rest);
    levels
}

/// Blurs images (N, H, W, C) and keeps every second row and column, starting with the first.
fn reduce(images: &Tensor<f32>) -> Tensor<f32> {
    let [n, height, width, channels] = images.shape().nhwc();
    let [rows, columns] = [height, width].map(|size| size.div_ceil(2));
    let taps = |k: usize, i: usize, n: usize| Some((mirrored(2 * i + k, n), KERNEL[k]));
    let x = along(images, [n, height, width * channels], rows, |k, i| taps(k, i, height));
    along(&x, [n * rows, width, channels], columns, |k, j| taps(k, j, width))
        .reshape([n, rows, columns, channels])
}

/// Returns images of `size` (height and width) from their halves (N, H, W, C): places the rows and
/// columns of the halves at even positions, zeros between them, and blurs with four times the
/// weights.
fn expand(halves: &Tensor<f32>, size: [usize; 2]) -> Tensor<f32> {
    let [n, rows, columns, channels] = halves.shape().nhwc();
    let [height, width] = size;
    // Mirroring keeps even positions even. The zeros at odd positions contribute nothing.
    let taps = |k: usize, i: usize, n: usize| {
        let from = mirrored(i + k, n);
        from.is_multiple_of(2).then_some((from / 2, 2.0 * KERNEL[k]))
    };
    let x = along(halves, [n, rows, columns * channels], height, |k, i| taps(k, i, height));
    along(&x, [n * height, columns, channels], width, |k, j| taps(k, j, width))
        .reshape([n, height, width, channels])
}

/// Returns the position `i - 2`, mirrored at the first and at the last of `n` positions.
fn mirrored(i: usize, n: usize) -> usize {
    let i = i.abs_diff(2);
    if i < n { i } else { 2 * (n - 1) - i }
}

/// Computes weighted sums along the middle axis of `x`, whose shape is taken as `dims`. The result
/// has the length `len` along this axis. `taps(k, i)` is the position and the weight of the k-th of
/// five terms of position i of the result.
fn along(
    x: &Tensor<f32>,
    dims: [usize; 3],
    len: usize,
    taps: impl Fn(usize, usize) -> Option<(usize, f32)>,
) -> Tensor<f32> {
    let [outer, n, inner] = dims;
    Tensor::build([outer, len, inner], |out| {
        out.fill(0.0);
        for (x, out) in x.data().chunks_exact(n * inner).zip(out.chunks_exact_mut(len * inner)) {
            for (i, out) in out.chunks_exact_mut(inner).enumerate() {
                for (from, weight) in (0..KERNEL.len()).filter_map(|k| taps(k, i)) {
                    let x = &x[from * inner..][..inner];
                    out.iter_mut().zip(x).for_each(|(out, x)| *out += weight * x);
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_nn::Stream;

    fn noise(height: usize, width: usize, channels: usize) -> Tensor<f32> {
        Stream::new(1, "images", 0).uniform_tensor([2, height, width, channels], 0.0, 1.0)
    }

    /// Odd sizes are halved upwards, and no level is smaller than the lowest resolution.
    #[test]
    fn levels_end_above_the_lowest_resolution() {
        let sizes = |size: usize| -> Vec<usize> {
            pyramid(&noise(size, size, 1)).iter().map(|level| level.dims()[1]).collect()
        };
        assert_eq!(sizes(128), [128, 64, 32, 16]);
        assert_eq!(sizes(45), [45, 23]);
        assert_eq!(sizes(31), [31, 16]);
        assert_eq!(sizes(30), [30]);
        assert_eq!(sizes(8), [8]);
        let level = &pyramid(&noise(37, 64, 3))[1];
        assert_eq!(level.dims(), [2, 19, 32, 3]);
    }

    /// The sum of all levels, each expanded to the full resolution, is the image.
    #[test]
    fn levels_add_up_to_the_image() {
        for (height, width, channels) in [(64, 64, 3), (45, 100, 1), (33, 32, 3)] {
            let images = noise(height, width, channels);
            let levels = pyramid(&images);
            assert!(levels.len() > 1);
            let (last, finer) = levels.split_last().expect("a level");
            let sum = finer.iter().rev().fold(last.clone(), |sum, level| {
                expand(&sum, [level.dims()[1], level.dims()[2]]).zip(level, |blurred, x| blurred + x)
            });
            let off = sum.zip(&images, |a, b| (a - b).abs());
            // Each level adds a difference of numbers up to 1, with half a unit of rounding.
            assert!(off.data().iter().all(|off| *off < 4.0 * f32::EPSILON), "{height} x {width}");
        }
    }

    /// Blurring keeps constants and, away from the border, linear ramps. So all levels of a
    /// constant image are 0, except for the last.
    #[test]
    fn constants_and_ramps_have_no_details() {
        for size in [32, 33] {
            let levels = pyramid(&Tensor::full([1, size, size, 3], 0.75));
            assert!(levels[0].data().iter().all(|x| x.abs() < 1e-6));
            assert!(levels[1].data().iter().all(|x| (x - 0.75).abs() < 1e-6));
        }
        let ramp = Tensor::build([1, 64, 64, 1], |x: &mut [f32]| {
            x.iter_mut().enumerate().for_each(|(i, x)| *x = (i % 64) as f32 + 2.0 * (i / 64) as f32);
        });
        let fine = &pyramid(&ramp)[0];
        for (i, x) in fine.data().iter().enumerate() {
            let inside = [i % 64, i / 64].iter().all(|position| (4..60).contains(position));
            assert!(!inside || x.abs() < 1e-4, "{x} at {i}");
        }
    }

    /// In the halves, a bright pixel at an even position has the weights 1, 6, 1 along each axis.
    /// Expanded, they become the sum of three kernels with these weights.
    #[test]
    fn a_point_spreads_as_the_kernel() {
        let mut point = Tensor::zeros([1, 32, 32, 1]);
        point.data_mut()[10 * 32 + 12] = 1.0;
        let half = reduce(&point);
        let at = |i: usize, j: usize| 256.0 * half.data()[i * 16 + j];
        assert_eq!([at(5, 6), at(4, 6), at(5, 7), at(6, 7), at(5, 8)], [36.0, 6.0, 6.0, 1.0, 0.0]);
        let whole = expand(&half, [32, 32]);
        let centre = whole.data()[10 * 32 + 12];
        let line: Vec<f32> = (8..17).map(|j| whole.data()[10 * 32 + j] / centre).collect();
        let products = [1.0, 4.0, 12.0, 28.0, 38.0, 28.0, 12.0, 4.0, 1.0].map(|x| x / 38.0);
        assert!(line.iter().zip(products).all(|(got, want)| (got - want).abs() < 1e-6), "{line:?}");
    }
}
