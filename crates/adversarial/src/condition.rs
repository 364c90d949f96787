//! The conditions that both networks get as input: the class of a sample, or an image derived from
//! the sample.

use adjoint_nn::{Stream, Tensor, named};

/// Standard deviation of the noise of [`Condition::Denoise`], for pixels in [-1, 1].
const NOISE: f64 = 0.6;

named! {
    /// The condition that both networks get for an image.
    pub enum Condition {
        /// The class of the image.
        Class = "class": "class of the image",
        /// The image with a gray square of half its width and height at a random position.
        Inpaint = "inpaint": "image with a gray square of half its width and height",
        /// The image with noise added.
        Denoise = "denoise": "image with added noise",
        /// The edges of the image: the length of the gradient at each pixel.
        Edges = "edges": "edges of the image: length of the gradient at each pixel",
    }
}

named! {
    /// The representation of a class as input of the networks.
    pub enum Label {
        /// A one-hot row.
        OneHot = "onehot": "one-hot row",
        /// A learned vector. Each network learns its own vectors.
        Embedding = "embedding": "learned vector",
    }
}

impl Condition {
    /// Returns whether the condition is an image.
    pub fn is_image(self) -> bool {
        self != Condition::Class
    }

    /// Returns the condition images of the images x (N, H, W, C). Random positions and noise are
    /// drawn from `stream`.
    ///
    /// # Panics
    /// If the condition is not an image.
    #[track_caller]
    pub fn of_images(self, x: &Tensor<f32>, stream: &mut Stream) -> Tensor<f32> {
        match self {
            Condition::Class => panic!("a class is not an image"),
            Condition::Inpaint => with_hole(x, stream),
            Condition::Denoise => x.zip(&stream.normal_tensor(x.shape(), 0.0, NOISE), |x, e| x + e),
            Condition::Edges => gradient_length(x),
        }
    }
}

/// Returns the images with a gray square at a random position. The square has half the height and
/// half the width of the image.
fn with_hole(x: &Tensor<f32>, stream: &mut Stream) -> Tensor<f32> {
    let [_, height, width, channels] = x.shape().nhwc();
    let mut y = x.clone();
    let row = width * channels;
    for image in y.data_mut().chunks_exact_mut((height * row).max(1)) {
        let [top, left] = [height, width].map(|side| stream.below(side - side / 2 + 1));
        for line in image.chunks_exact_mut(row).skip(top).take(height / 2) {
            line[left * channels..(left + width / 2) * channels].fill(0.0);
        }
    }
    y
}

/// Returns the length of the gradient at each pixel and channel, minus 1. The gradient is computed
/// by central differences. A length of 0 gives -1. The gradient from black to white within two
/// pixels gives 1, and so does a larger gradient.
fn gradient_length(x: &Tensor<f32>) -> Tensor<f32> {
    let [_, height, width, channels] = x.shape().nhwc();
    let row = width * channels;
    Tensor::build(x.shape(), |out| {
        let images = x.data().chunks_exact((height * row).max(1));
        for (image, out) in images.zip(out.chunks_exact_mut((height * row).max(1))) {
            let at = |i: usize, j: usize, c: usize| image[i * row + j * channels + c];
            for (k, y) in out.iter_mut().enumerate() {
                let (i, j, c) = (k / row, k % row / channels, k % channels);
                let down = at((i + 1).min(height - 1), j, c) - at(i.saturating_sub(1), j, c);
                let right = at(i, (j + 1).min(width - 1), c) - at(i, j.saturating_sub(1), c);
                *y = down.hypot(right).min(2.0) - 1.0;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> Tensor<f32> {
        // The left half is black and the right half is white.
        let pixel = |i: usize| if i % 8 < 4 { -1.0 } else { 1.0 };
        Tensor::from_slice([2, 8, 8, 1], &(0..128).map(pixel).collect::<Vec<f32>>())
    }

    #[test]
    fn a_hole_is_a_gray_square_of_half_the_size() {
        let x = images();
        let (y, z) = (
            Condition::Inpaint.of_images(&x, &mut Stream::new(1, "c", 0)),
            Condition::Inpaint.of_images(&x, &mut Stream::new(1, "c", 1)),
        );
        for (x, y) in x.data().chunks(64).zip(y.data().chunks(64)) {
            let hole: Vec<usize> = (0..64).filter(|&i| y[i] == 0.0).collect();
            let (top, left) = (hole[0] / 8, hole.iter().map(|i| i % 8).min().unwrap_or(0));
            let want =
                (0..64).filter(|i| (top..top + 4).contains(&(i / 8)) && (left..left + 4).contains(&(i % 8)));
            assert!(hole.iter().copied().eq(want));
            assert!((0..64).all(|i| y[i] == 0.0 || y[i] == x[i]));
        }
        assert!(y.data() != z.data());
    }

    #[test]
    fn edges_are_where_the_image_changes() {
        let y = Condition::Edges.of_images(&images(), &mut Stream::new(1, "c", 0));
        assert!((0..128).all(|i| y.data()[i] == if matches!(i % 8, 3 | 4) { 1.0 } else { -1.0 }));
    }

    #[test]
    fn noise_has_its_size() {
        let x = Tensor::full([10, 28, 28, 1], 0.25f32);
        let y = Condition::Denoise.of_images(&x, &mut Stream::new(1, "c", 0));
        let squares = y.data().iter().map(|y| f64::from(y - 0.25).powi(2)).sum::<f64>() / y.len() as f64;
        assert!((squares.sqrt() - NOISE).abs() < 0.02);
    }
}
