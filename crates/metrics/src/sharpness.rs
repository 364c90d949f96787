//! The sharpness of images, a measure of blur.

use adjoint_nn::Tensor;

/// Returns the sharpness of images (N, H, W, C) in \[0, 1\]: the variance of the Laplacian over the
/// pixels of an image, averaged over the images. The Laplacian of a pixel is up + down + left +
/// right - 4 times the pixel. Its variance is a standard measure of focus (Pech-Pacheco et al.
/// 2000): it is 0 for constant images and low for blurred images. Noise has a higher sharpness than
/// data, so the value should be compared with the sharpness of the data.
pub fn sharpness(images: &Tensor<f32>) -> f64 {
    let [n, height, width, channels] = images.shape().nhwc();
    let (row, pixels) = (width * channels, (height * width * channels) as f64);
    let mut total = 0.0;
    for image in images.data().chunks_exact((height * row).max(1)) {
        let at = |i: usize, j: usize, c: usize| f64::from(image[i * row + j * channels + c]);
        let (mut sum, mut squares) = (0.0, 0.0);
        for i in 0..height {
            for j in 0..width {
                for c in 0..channels {
                    // Pixels beyond the border have the value of the nearest pixel at the border.
                    let vertical = at(i.saturating_sub(1), j, c) + at((i + 1).min(height - 1), j, c);
                    let horizontal = at(i, j.saturating_sub(1), c) + at(i, (j + 1).min(width - 1), c);
                    let laplacian = vertical + horizontal - 4.0 * at(i, j, c);
                    sum += laplacian;
                    squares += laplacian * laplacian;
                }
            }
        }
        total += squares / pixels - (sum / pixels).powi(2);
    }
    total / n.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(values: [f32; 8]) -> Tensor<f32> {
        Tensor::from_slice([1, 1, 8, 1], &values)
    }

    /// A step of 1 has a Laplacian of 1 and -1 on its two sides. The same step spread over four
    /// pixels has a Laplacian of 1/4 and -1/4.
    #[test]
    fn a_soft_step_is_less_sharp() {
        let hard = sharpness(&line([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]));
        let soft = sharpness(&line([0.0, 0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0]));
        assert!((hard - 2.0 / 8.0).abs() < 1e-12, "{hard}");
        assert!((soft - 2.0 / 16.0 / 8.0).abs() < 1e-12, "{soft}");
    }

    #[test]
    fn it_is_the_mean_over_images_and_channels_do_not_mix() {
        let step = line([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
        let both = Tensor::concat(&[&step, &line([0.3; 8])], 0);
        assert!((sharpness(&both) - 0.125).abs() < 1e-12);
        // Two constant channels of different brightness have the sharpness 0.
        let colours = Tensor::from_slice([1, 1, 4, 2], &[0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
        assert_eq!(sharpness(&colours), 0.0);
    }
}
