//! The judge: a small convolutional network that predicts the labels of images, or the factors from
//! which the images were drawn. The input of its last layer is the feature vector of an image.
//! Distances between distributions are computed from these features.

use adjoint_nn::layers::{Flatten, LEAKY_SLOPE, Linear, Norm};
use adjoint_nn::pyramid::{self, Down, Level};
use adjoint_nn::{Element, Mode, Scheme, Var, module};

/// Number of features per image.
pub const FEATURES: usize = 128;
/// Number of output channels of the first convolution.
const WIDTH: usize = 24;

/// The convolutions of a DCGAN discriminator with batch norm, followed by a hidden layer and any
/// number of outputs.
pub struct Judge<E: Element> {
    down: Vec<Down<E>>,
    hidden: Linear<E>,
    out: Linear<E>,
}
module!(Judge { down, hidden, out });

impl<E: Element> Judge<E> {
    /// A judge of images of `image_size` by `image_size` pixels, with its initial weights.
    ///
    /// # Panics
    /// If the image is too small for a pyramid ([`MIN_SIZE`](adjoint_nn::pyramid::MIN_SIZE)).
    #[track_caller]
    pub fn new(image_size: usize, channels: usize, outputs: usize, seed: u64) -> Self {
        let image = Level { size: image_size, channels };
        let levels = image.below(WIDTH);
        let down = pyramid::down(image, &levels, 0, [Norm::Batch; 2]).iter().map(Down::new).collect();
        let hidden = Linear::new(levels[levels.len() - 1].numbers(), FEATURES);
        let mut judge = Judge { down, hidden, out: Linear::new(FEATURES, outputs) };
        Scheme::pytorch().apply(&mut judge, "judge", seed);
        judge
    }

    /// Returns the features (N, [`FEATURES`]) of images (N, H, W, C) in \[0, 1\].
    ///
    /// # Panics
    /// If images have another size.
    #[track_caller]
    pub fn features(&mut self, images: &Var<E>, mode: Mode) -> Var<E> {
        let mut h = images.clone();
        for layer in &mut self.down {
            h = layer.forward(&h, mode);
        }
        self.hidden.forward(&Flatten.forward(&h)).leaky_relu(LEAKY_SLOPE)
    }

    /// Returns the outputs for given features: the logits of the classes, or the factors.
    ///
    /// # Panics
    /// If the number of features is not [`FEATURES`].
    #[track_caller]
    pub fn verdict(&self, features: &Var<E>) -> Var<E> {
        self.out.forward(features)
    }

    /// Returns the outputs for images, in training mode.
    ///
    /// # Panics
    /// If images have another size.
    #[track_caller]
    pub fn forward(&mut self, images: &Var<E>) -> Var<E> {
        let features = self.features(images, Mode::Train);
        self.verdict(&features)
    }
}

/// Returns the mean cross entropy of logits (N, classes) and one-hot rows: minus the log of the
/// probability of the true class, averaged over the rows.
///
/// # Panics
/// If shapes differ.
#[track_caller]
pub fn cross_entropy<E: Element>(logits: &Var<E>, one_hot: &Var<E>) -> Var<E> {
    let n = logits.dims()[0] as f64;
    logits.log_softmax().masked(one_hot.value()).sum() * (-1.0 / n)
}

/// Returns the squared error of predictions (N, D), summed over each row and averaged over the
/// rows.
///
/// # Panics
/// If shapes differ.
#[track_caller]
pub fn squared_error<E: Element>(y: &Var<E>, targets: &Var<E>) -> Var<E> {
    let n = y.dims()[0] as f64;
    (y - targets).square().sum() * (1.0 / n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_nn::gradcheck::assert_model;
    use adjoint_nn::optim::{Adam, Optimizer};
    use adjoint_nn::{Stream, Tensor, no_grad};

    #[test]
    fn gradients_of_both_losses() {
        let x = Var::constant(Stream::new(1, "x", 0).uniform_tensor([3, 16, 16, 1], 0.0, 1.0));
        let one_hot = Var::constant(Tensor::from_slice([3, 2], &[1.0, 0.0, 0.0, 1.0, 1.0, 0.0]));
        let mut judge = Judge::<f64>::new(16, 1, 2, 1);
        let whole =
            |j: &mut Judge<f64>, loss: fn(&Var<f64>, &Var<f64>) -> Var<f64>| loss(&j.forward(&x), &one_hot);
        assert_model("cross entropy", &mut judge, |j| j, |j| whole(j, cross_entropy));
        assert_model("squared error", &mut judge, |j| j, |j| whole(j, squared_error));
    }

    #[test]
    fn the_entropy_of_a_sure_and_of_an_unsure_verdict() {
        let one_hot = Var::constant(Tensor::from_slice([2, 2], &[1.0, 0.0, 0.0, 1.0]));
        let loss = |l: &[f64]| cross_entropy(&Var::constant(Tensor::from_slice([2, 2], l)), &one_hot).item();
        assert!((loss(&[0.0; 4]) - 2.0f64.ln()).abs() < 1e-15);
        assert!((loss(&[80.0, 0.0, 80.0, 0.0]) - 40.0).abs() < 1e-12, "half of them 80 nats wrong");
        assert_eq!(loss(&[f64::MAX, f64::MIN, f64::MIN, f64::MAX]), 0.0, "right, the other class impossible");
    }

    #[test]
    fn learns_and_says_the_same_of_one_image_as_of_many() {
        // Images with a bright left or right half.
        let x = Tensor::build([32, 16, 16, 1], |x: &mut [f32]| {
            let mut noise = Stream::new(1, "x", 0);
            x.iter_mut().enumerate().for_each(|(i, x)| {
                let (image, left) = (i / 256, i % 16 < 8);
                *x = (0.2 * noise.uniform()) as f32 + if (image % 2 == 0) == left { 0.8 } else { 0.0 };
            });
        });
        let one_hot = Tensor::build([32, 2], |y| {
            y.iter_mut().enumerate().for_each(|(i, y)| *y = f32::from(u8::from(i / 2 % 2 == i % 2)));
        });
        let (x, one_hot) = (Var::constant(x), Var::constant(one_hot));
        let mut judge = Judge::<f32>::new(16, 1, 2, 1);
        let mut adam = Optimizer::new(&judge, 1e-3, Adam::default());
        for _ in 0..40 {
            adam.descend(cross_entropy(&judge.forward(&x), &one_hot), &mut judge);
        }
        let features = no_grad(|| judge.features(&x, Mode::Eval));
        let logits = judge.verdict(&features);
        assert!(cross_entropy(&logits, &one_hot).item() < 0.1);
        let one = Var::constant(x.value().narrow(0, 5, 1));
        let one = no_grad(|| judge.features(&one, Mode::Eval));
        let same = features.value().narrow(0, 5, 1);
        assert!(one.value().data().iter().zip(same.data()).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}
