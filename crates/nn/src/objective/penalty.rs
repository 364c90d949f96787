//! Penalties on the gradient of a discriminator with respect to its *input*. These losses contain a
//! first derivative, so their gradients contain second derivatives.

use super::sum_samples;
use crate::{Element, Tensor, Var};

/// The gradient penalty of WGAN-GP (Gulrajani et al. 2017, eq. 3):
/// > lambda E (|grad f(x^)| - 1)^2,   x^ = eps x + (1 - eps) G(z)
///
/// where grad is the gradient with respect to x^ and |.| its Euclidean norm, both computed
/// separately for each sample. The caller draws `eps` from U(0, 1), one number per sample; any
/// shape with N elements is accepted. The paper uses lambda = 10.
///
/// # Panics
/// If `real` and `fake` differ in shape, `eps` does not have one number per sample, or the critic
/// does not depend on its input.
#[track_caller]
pub fn gradient_penalty<E: Element>(
    critic: impl FnOnce(&Var<E>) -> Var<E>,
    real: &Tensor<E>,
    fake: &Tensor<E>,
    eps: &Tensor<E>,
    lambda: f64,
) -> Var<E> {
    let n = real.dims().first().copied().unwrap_or(1);
    assert!(
        real.shape() == fake.shape() && eps.len() == n,
        "gradient_penalty: real {}, fake {}, eps {}: need equal shapes and one eps per sample",
        real.shape(),
        fake.shape(),
        eps.shape()
    );
    let per_sample = (1..real.dims().len()).fold(real.shape(), |shape, axis| shape.with(axis, 1));
    let squares = squared_gradient_norms(critic, between(real, fake, &eps.reshape(per_sample)));
    // The derivative of the square root is infinite at 0, which would give NaN for a sample whose
    // gradient is 0. The shift avoids this. It is far below the rounding error of any gradient that
    // matters.
    let norms = squares.shift(1e-30).sqrt();
    lambda * (norms - 1.0).square().mean()
}

/// Returns fake + eps (real - fake): for each pair of samples, a point on the line between them.
pub(crate) fn between<E: Element>(real: &Tensor<E>, fake: &Tensor<E>, eps: &Tensor<E>) -> Tensor<E> {
    fake.zip(&real.zip(fake, |x, g| x - g).zip(eps, |d, e| e * d), |g, d| g + d)
}

/// The penalty R1 (Mescheder et al. 2018, eq. 9): gamma/2 E |grad D(x)|^2. Here x is a sample of
/// `real`, D(x) its logit, and grad the gradient with respect to x.
///
/// # Panics
/// If the discriminator does not depend on its input.
#[track_caller]
pub fn r1<E: Element>(discriminator: impl FnOnce(&Var<E>) -> Var<E>, real: &Tensor<E>, gamma: f64) -> Var<E> {
    0.5 * gamma * squared_gradient_norms(discriminator, real.clone()).mean()
}

/// Returns |grad f(x)|^2 for each sample, `[N]`, where grad is the gradient with respect to x. The
/// result is differentiable with respect to the parameters of f.
///
/// The function computes the gradient of the sum of all outputs of f. If each output depends on one
/// sample only, this is the gradient of each sample's own output. Batch norm in f couples the
/// samples. The gradient of a sample then includes its effect on the outputs of the other samples.
/// For this reason the papers advise against batch norm, but this function does not reject it.
#[track_caller]
fn squared_gradient_norms<E: Element>(f: impl FnOnce(&Var<E>) -> Var<E>, x: Tensor<E>) -> Var<E> {
    let x = Var::leaf(x);
    let y = f(&x);
    assert!(y.depends_on(&[&x])[0], "gradient penalty: the function does not depend on its input");
    sum_samples(&y.differentiable_gradients(&[&x])[0].square())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;
    use adjoint_autodiff::gradcheck;

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() < 1e-13, "{got} != {want}");
    }

    fn row(values: &[f64]) -> Tensor<f64> {
        Tensor::from_slice([1, values.len()], values)
    }

    /// f(x) = <a, x> has the gradient a everywhere.
    #[test]
    fn of_a_linear_function() {
        let a = Var::leaf(Tensor::from_slice([2, 1], &[3.0, 4.0]));
        let x: Tensor<f64> = Stream::new(1, "x", 0).normal_tensor([6, 2], 0.0, 1.0);
        let penalty = gradient_penalty(|x| x.matmul(&a), &x, &x, &Tensor::full([6], 0.5), 10.0);
        close(penalty.item(), 10.0 * 16.0);
        // d/da lambda (|a| - 1)^2 = 2 lambda (|a| - 1) a / |a|
        let g = penalty.gradients(&[&a]).remove(0);
        close(g.data()[0], 20.0 * 4.0 * 0.6);
        close(g.data()[1], 20.0 * 4.0 * 0.8);
        close(r1(|x| x.matmul(&a), &x, 3.0).item(), 1.5 * 25.0);
    }

    /// f(x) = |x|^2 / 2 has the gradient x, so a penalty shows at which point it was evaluated.
    #[test]
    fn is_taken_between_the_samples() {
        let half_square = |x: &Var<f64>| 0.5 * x.square().sum_to([x.dims()[0], 1]);
        let (real, fake) = (row(&[3.0, 4.0]), row(&[0.0, 0.0]));
        for (eps, norm) in [(1.0, 5.0), (0.0, 0.0), (0.4, 2.0)] {
            let penalty = gradient_penalty(half_square, &real, &fake, &Tensor::full([1, 1], eps), 1.0);
            close(penalty.item(), (norm - 1.0f64).powi(2));
        }
        close(r1(half_square, &real, 2.0).item(), 25.0);
    }

    /// The relu is 0 for the first sample, so its gradient is 0 and its penalty is 1. The second
    /// sample has the gradient 2 and the penalty 1.
    #[test]
    fn a_flat_function_gives_no_nan() {
        let a = Var::leaf(Tensor::from_slice([1, 1], &[2.0f32]));
        let x = Tensor::from_slice([2, 1], &[-1.0, 1.0]);
        let penalty = gradient_penalty(|x| x.matmul(&a).relu(), &x, &x, &Tensor::full([2], 0.5), 1.0);
        assert_eq!(penalty.item(), 1.0);
        assert_eq!(penalty.gradients(&[&a])[0].item(), 1.0);
    }

    #[test]
    fn gradients() {
        gradcheck::assert_cases("penalties", 20, |s| {
            let mut draw = |shape: [usize; 2]| s.normal_tensor::<f64>(shape, 0.0, 1.0);
            let (real, fake, inputs) = (draw([3, 4]), draw([3, 4]), vec![draw([4, 5]), draw([5, 1])]);
            let eps = s.uniform_tensor([3, 1], 0.0, 1.0);
            (inputs, move |w: &[Var<f64>]| {
                let critic = |x: &Var<f64>| x.matmul(&w[0]).tanh().matmul(&w[1]);
                gradient_penalty(critic, &real, &fake, &eps, 10.0) + r1(critic, &real, 2.0)
            })
        });
    }

    #[test]
    #[should_panic(expected = "does not depend on its input")]
    fn a_constant_function_has_no_slope() {
        r1(|_| Var::leaf(Tensor::scalar(1.0)), &Tensor::<f64>::zeros([2, 2]), 1.0);
    }

    #[test]
    #[should_panic(expected = "real [2, 3], fake [2, 3], eps [3]: need equal shapes and one eps per sample")]
    fn names_what_does_not_fit() {
        let x = Tensor::<f32>::zeros([2, 3]);
        gradient_penalty(Var::clone, &x, &x, &Tensor::zeros([3]), 1.0);
    }
}
