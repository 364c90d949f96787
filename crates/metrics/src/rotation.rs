//! Rotations of images by quarter turns, the labels that a judge learns from images without labels:
//! Gidaris et al., "Unsupervised representation learning by predicting image rotations" (2018).
//!
//! The network sees each image four times, rotated by 0, 90, 180 and 270 degrees, and predicts the
//! rotation. This needs features of what the image shows. It can't be learned from images that look
//! the same after a rotation.

use adjoint_nn::Tensor;

/// Number of rotations: 0, 90, 180 and 270 degrees.
pub const ROTATIONS: usize = 4;

/// Returns square images (N, H, H, C), rotated counterclockwise by `turns` times 90 degrees. No
/// pixel changes its value.
///
/// # Panics
/// If images are not square.
#[track_caller]
pub fn rotated(images: &Tensor<f32>, turns: usize) -> Tensor<f32> {
    let [_, size, width, channels] = images.shape().nhwc();
    assert_eq!(size, width, "rotated images are square");
    let turns = turns % ROTATIONS;
    if turns == 0 {
        return images.clone();
    }
    // The pixel that arrives at row i, column j.
    let from = |i: usize, j: usize| match turns {
        1 => [j, size - 1 - i],
        2 => [size - 1 - i, size - 1 - j],
        _ => [size - 1 - j, i],
    };
    Tensor::build(images.shape(), |out| {
        let len = (size * size * channels).max(1);
        for (image, out) in images.data().chunks_exact(len).zip(out.chunks_exact_mut(len)) {
            for (at, out) in out.chunks_exact_mut(channels).enumerate() {
                let [row, column] = from(at / size, at % size);
                out.copy_from_slice(&image[(row * size + column) * channels..][..channels]);
            }
        }
    })
}

/// Returns all four rotations of images (N, H, H, C), as (4 N, H, H, C): first all images rotated
/// by 0 degrees, then all by 90, 180 and 270 degrees.
///
/// # Panics
/// If images are not square.
#[track_caller]
pub fn all_rotations(images: &Tensor<f32>) -> Tensor<f32> {
    let all: Vec<Tensor<f32>> = (0..ROTATIONS).map(|turns| rotated(images, turns)).collect();
    Tensor::concat(&all.iter().collect::<Vec<_>>(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_nn::Stream;

    fn noise(size: usize, channels: usize) -> Tensor<f32> {
        Stream::new(1, "images", 0).uniform_tensor([3, size, size, channels], 0.0, 1.0)
    }

    /// The image 1 2 / 3 4, whose pixels have two channels. Counterclockwise, the right column
    /// becomes the upper row.
    #[test]
    fn pixels_arrive_where_they_should() {
        let image = Tensor::from_slice([1, 2, 2, 2], &[1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0]);
        let rows = [[1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 1.0, 3.0], [4.0, 3.0, 2.0, 1.0], [3.0, 1.0, 4.0, 2.0]];
        for (turns, row) in rows.iter().enumerate() {
            let want: Vec<f32> = row.iter().flat_map(|x| [*x, 10.0 * x]).collect();
            assert_eq!(rotated(&image, turns).data(), want, "{turns}");
            assert_eq!(rotated(&image, turns + 4).data(), want, "{turns}");
        }
    }

    #[test]
    fn four_quarter_turns_are_none() {
        for (size, channels) in [(1, 1), (5, 3), (16, 1)] {
            let images = noise(size, channels);
            let turns = |n: usize| (0..n).fold(images.clone(), |x, _| rotated(&x, 1));
            for n in 0..=4 {
                assert_eq!(turns(n).data(), rotated(&images, n).data(), "{n} turns");
            }
            assert_eq!(turns(4).data(), images.data());
        }
    }

    #[test]
    fn all_rotations_are_one_after_another() {
        let images = noise(6, 3);
        let all = all_rotations(&images);
        assert_eq!(all.dims(), [12, 6, 6, 3]);
        for turns in 0..ROTATIONS {
            assert_eq!(all.narrow(0, 3 * turns, 3).data(), rotated(&images, turns).data());
        }
    }
}
