//! Dropout: random elements are 0 in training.

use super::Mode;
use crate::{Element, Stream, Tensor, Var};

/// Inverted dropout (Srivastava et al. 2014). In training each element is set to 0 with probability
/// p, and the other elements are divided by 1 - p. In evaluation dropout is the identity. The
/// default is p = 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dropout {
    p: f64,
}

impl Dropout {
    /// Creates dropout with probability `p`.
    ///
    /// # Panics
    /// If p is not in [0, 1).
    #[track_caller]
    pub fn new(p: f64) -> Self {
        assert!((0.0..1.0).contains(&p), "Dropout({p}): the probability must be at least 0 and less than 1");
        Dropout { p }
    }

    /// Returns x with dropped elements. The mask is drawn from `stream`, so use a separate stream
    /// for each layer and step.
    pub fn forward<E: Element>(&self, x: &Var<E>, mode: Mode, stream: &mut Stream) -> Var<E> {
        if mode == Mode::Eval || self.p == 0.0 {
            return x.clone();
        }
        let kept = E::of(1.0 / (1.0 - self.p));
        let draw = |y: &mut E| *y = if stream.uniform() < self.p { E::ZERO } else { kept };
        let mask = Tensor::build(x.shape(), |mask| mask.iter_mut().for_each(draw));
        x.masked(&mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_its_share_keeps_the_mean_and_passes_gradients_alike() {
        let (n, p) = (40_000, 0.3);
        let x = Var::leaf(Tensor::full([n], 2.0f64));
        let y = Dropout::new(p).forward(&x, Mode::Train, &mut Stream::new(1, "drop", 0));
        let dropped = y.value().data().iter().filter(|&&y| y == 0.0).count() as f64 / n as f64;
        assert!((dropped - p).abs() < 5.0 * (p * (1.0 - p) / n as f64).sqrt(), "{dropped}");
        assert!(y.value().data().iter().all(|&y| y == 0.0 || (y - 2.0 / 0.7).abs() < 1e-12));
        let g = y.gradients(&[&x]).remove(0);
        assert_eq!(g.map(|g| 2.0 * g).data(), y.value().data());
    }

    /// The derivative of the square root is infinite at 0. The gradient of a dropped element must
    /// still be 0.
    #[test]
    fn an_infinite_gradient_does_not_pass_a_dropped_number() {
        let x = Var::leaf(Tensor::full([100], 2.0f64));
        let y = Dropout::new(0.5).forward(&x, Mode::Train, &mut Stream::new(1, "drop", 0));
        let g = y.sqrt().gradients(&[&x]).remove(0);
        let want = y.value().map(|y| if y == 0.0 { 0.0 } else { 1.0 / y.sqrt() });
        assert!(
            g.data().contains(&0.0) && g.zip(&want, |g, w| (g - w).abs()).data().iter().all(|d| *d < 1e-15)
        );
    }

    #[test]
    fn the_stream_decides_and_evaluation_is_the_identity() {
        let x = Var::constant(Tensor::full([64], 1.0f32));
        let drop =
            |mode, step| Dropout::new(0.5).forward(&x, mode, &mut Stream::new(1, "drop", step)).into_value();
        assert_eq!(drop(Mode::Train, 3).data(), drop(Mode::Train, 3).data());
        assert_ne!(drop(Mode::Train, 3).data(), drop(Mode::Train, 4).data());
        assert_eq!(drop(Mode::Eval, 3).data(), x.value().data());
    }

    #[test]
    #[should_panic(expected = "Dropout(1)")]
    fn everything_cannot_be_dropped() {
        Dropout::new(1.0);
    }
}
