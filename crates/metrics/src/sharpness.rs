use adjoint_nn::Tensor;

/// The variance of the Laplacian over the pixels of an image, (up + down + left + right - 4 times
/// itself), a standard measure of focus (Pech-Pacheco et al. 2000), as the mean over images (N, H,
/// W, C) in \[0, 1\]. 0 where images are flat, low where they are blurred. Noise has more than
/// data, so it is to be read beside the data's own.
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
                    // Pixels beyond the border are those at the border.
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

    /// A step of 1 has a Laplacian of 1 and -1 on its two sides; spread over four pixels it has a
    /// quarter of that.
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
        // Two flat channels of different brightness are flat.
        let colours = Tensor::from_slice([1, 1, 4, 2], &[0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
        assert_eq!(sharpness(&colours), 0.0);
    }
}
