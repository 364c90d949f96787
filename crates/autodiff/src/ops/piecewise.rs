//! Piecewise linear functions: relu, leaky relu, abs, clamp, and the product with a mask.
//!
//! Their slope is constant almost everywhere. So each rule applies a [`gate`] to y_bar. A gate
//! multiplies by the slope: it is linear in y_bar and constant in x, so second derivatives are 0.
//! Where the slope is 0, a gate returns 0 for every incoming gradient, even an infinite one, such
//! as the gradient of a square root at 0. At a kink, the functions use PyTorch's choice of
//! subgradient: the slope is that of the left side for relu and leaky relu, 0 for abs, and 1 for
//! clamp.
//!
//! Sources: Nair & Hinton 2010, Rectified linear units improve restricted Boltzmann machines; Maas,
//! Hannun & Ng 2013, Rectifier nonlinearities improve neural network acoustic models (leaky);
//! Rockafellar 1970, Convex analysis, section 23 (subgradients).

use crate::Var;
use crate::graph::record;
use adjoint_kernels::batch_norm::Activation;
use adjoint_tensor::{Element, Tensor};

/// The slope that a gate applies.
#[derive(Clone, Copy)]
enum Slope {
    /// 1 for x > 0, `slope` elsewhere.
    Leaky(f64),
    /// The sign of x.
    Sign,
    /// 1 for low <= x <= high, 0 elsewhere.
    Inside(f64, f64),
    /// x itself.
    Mask,
}

/// u = g slope(x), and 0 where the slope is 0, for every g. g_bar = u_bar slope(x), and also 0
/// where the slope is 0.
#[track_caller]
fn gate<E: Element>(g: &Var<E>, x: &Tensor<E>, slope: Slope) -> Var<E> {
    let u = match slope {
        Slope::Leaky(s) => {
            let s = E::of(s);
            g.value().zip(x, move |g, x| if x > E::ZERO { g } else { g.masked(s) })
        }
        Slope::Sign => g.value().zip(x, |g, x| match x.partial_cmp(&E::ZERO) {
            Some(std::cmp::Ordering::Greater) => g,
            Some(std::cmp::Ordering::Less) => -g,
            _ => E::ZERO,
        }),
        Slope::Inside(low, high) => {
            let (low, high) = (E::of(low), E::of(high));
            g.value().zip(x, move |g, x| if x >= low && x <= high { g } else { E::ZERO })
        }
        Slope::Mask => g.value().zip(x, E::masked),
    };
    record("gate", u, [g], (x.clone(), slope), |(x, slope), bw| bw.wrt(0, |u_bar| gate(u_bar, x, *slope)))
}

impl<E: Element> Var<E> {
    /// y = max(x, 0) (Nair & Hinton 2010). The slope is 1 for x > 0 and 0 elsewhere, including the
    /// kink: x_bar = y_bar where x > 0, else 0.
    #[must_use]
    pub fn relu(&self) -> Self {
        let y = self.value().map(|x| x.at_least(E::ZERO));
        // y > 0 exactly where x > 0. So the rule can use y instead of x, and x can be freed. The
        // next layer keeps y in any case.
        record("relu", y.clone(), [self], y, |y, bw| bw.wrt(0, |g| gate(g, y, Slope::Leaky(0.0))))
    }

    /// y = x for x > 0, and `slope` times x elsewhere, with a slope of at least 0 (Maas et al.
    /// 2013). With slope 0 this is [`relu`](Var::relu). Each side is a line through 0: x_bar is
    /// y_bar for x > 0, and `slope` times y_bar elsewhere.
    ///
    /// # Panics
    /// If the slope is negative: the rule assumes that x and y have the same sign.
    #[must_use]
    #[track_caller]
    pub fn leaky_relu(&self, slope: f64) -> Self {
        assert!(slope >= 0.0, "leaky_relu: the slope {slope} must not be negative");
        let s = E::of(slope);
        let y = self.value().map(move |x| x.leaky_relu(s));
        record("leaky_relu", y.clone(), [self], (y, slope), |(y, slope), bw| {
            bw.wrt(0, |g| gate(g, y, Slope::Leaky(*slope)));
        })
    }

    /// Applies the activation `f`: y = f(x). x_bar = y_bar f'(x).
    ///
    /// # Panics
    /// As [`leaky_relu`](Var::leaky_relu).
    #[must_use]
    #[track_caller]
    pub fn activated(&self, f: Activation) -> Self {
        match f {
            Activation::Identity => self.clone(),
            Activation::LeakyRelu(slope) => self.leaky_relu(slope),
        }
    }

    /// y = x m for a constant mask m, with broadcasting. y is 0 where m is 0, even for an infinite
    /// or NaN x. x_bar = y_bar m, and also 0 where m is 0. In a plain product, an infinite or NaN x
    /// would give NaN where m is 0.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[must_use]
    #[track_caller]
    pub fn masked(&self, mask: &Tensor<E>) -> Self {
        gate(self, mask, Slope::Mask)
    }

    /// y = |x|. x_bar = y_bar sign(x).
    #[must_use]
    pub fn abs(&self) -> Self {
        let x = self.value().clone();
        record("abs", x.map(E::abs), [self], x, |x, bw| bw.wrt(0, |g| gate(g, x, Slope::Sign)))
    }

    /// y = min(max(x, low), high). x_bar = y_bar for low <= x <= high, else 0.
    #[must_use]
    pub fn clamp(&self, low: f64, high: f64) -> Self {
        let (l, h) = (E::of(low), E::of(high));
        let x = self.value().clone();
        let y = x.map(move |x| x.at_least(l).at_most(h));
        record("clamp", y, [self], (x, low, high), |(x, low, high), bw| {
            bw.wrt(0, |g| gate(g, x, Slope::Inside(*low, *high)));
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::gradcheck::{assert_cases, random_broadcast, random_shape, random_tensor};
    use crate::{Activation, Var};
    use adjoint_tensor::Tensor;

    #[test]
    fn gradients() {
        type F = fn(&[Var<f64>]) -> Var<f64>;
        let cases: [(&str, F); 4] = [
            ("relu", |x| x[0].relu()),
            ("leaky_relu", |x| x[0].leaky_relu(0.2)),
            ("abs", |x| x[0].abs()),
            ("clamp", |x| x[0].clamp(-0.5, 0.8)),
        ];
        for (name, f) in cases {
            assert_cases(name, 100, |s| {
                let shape = random_shape(s);
                // The result is squared, so that the second derivative is not trivially 0.
                (vec![random_tensor(s, shape, &[0.0, -0.5, 0.8])], move |x: &[Var<f64>]| f(x).square())
            });
        }
    }

    #[test]
    fn gradients_of_a_mask() {
        assert_cases("masked", 100, |s| {
            let shape = random_shape(s);
            let (x, mask) = (random_broadcast(s, shape), random_broadcast(s, shape));
            let mask = random_tensor(s, mask, &[]).map(|m| if m < 0.0 { 0.0 } else { m });
            (vec![random_tensor(s, x, &[])], move |x: &[Var<f64>]| x[0].masked(&mask).square())
        });
    }

    /// Gradients are finite if a square root or a logarithm follows a function of this file at a
    /// point where that function has the value 0 and the slope 0. The square root and the logarithm
    /// have an infinite slope at 0.
    #[test]
    fn an_infinite_gradient_does_not_pass_a_slope_of_zero() {
        type F = fn(&Var<f64>) -> Var<f64>;
        // The function hides the first element. The second element passes with slope 1.
        let hiding: [(&str, F, [f64; 2]); 7] = [
            ("relu", |x| x.relu(), [-1.0, 4.0]),
            ("leaky_relu", |x| x.leaky_relu(0.0), [-1.0, 4.0]),
            ("activated", |x| x.activated(Activation::RELU), [-1.0, 4.0]),
            ("clamp", |x| x.clamp(0.0, 9.0), [-1.0, 4.0]),
            ("abs", |x| x.abs(), [0.0, 4.0]),
            ("masked", |x| x.masked(&Tensor::from_slice([2], &[0.0, 1.0])), [-1.0, 4.0]),
            ("relu of -inf", |x| x.leaky_relu(0.0), [f64::NEG_INFINITY, 4.0]),
        ];
        // Each function has its first and second derivative at 4.
        let steep: [(F, [f64; 2]); 2] =
            [(|y| y.sqrt(), [0.25, -1.0 / 32.0]), (|y| y.ln(), [0.25, -1.0 / 16.0])];
        for (name, hide, x) in hiding {
            for (steep, [first, second]) in steep {
                let x = Var::leaf(Tensor::from_slice([2], &x));
                let y = steep(&hide(&x));
                assert_eq!(y.gradients(&[&x])[0].data(), [0.0, first], "{name}");
                let slope = y.differentiable_gradients(&[&x]).remove(0);
                assert_eq!(slope.value().data(), [0.0, first], "{name}, recorded");
                assert_eq!(slope.gradients(&[&x])[0].data(), [0.0, second], "{name}, order 2");
            }
        }
    }

    #[test]
    fn values_and_kinks() {
        let x = Var::leaf(Tensor::from_slice([5], &[-2.0f32, -0.0, 0.0, 1.0, f32::NAN]));
        assert_eq!(x.relu().value().data()[..4], [0.0, 0.0, 0.0, 1.0]);
        assert!(x.relu().value().data()[4].is_nan() && x.clamp(-1.0, 1.0).value().data()[4].is_nan());
        assert_eq!(x.leaky_relu(0.25).value().data()[..4], [-0.5, 0.0, 0.0, 1.0]);
        assert_eq!(x.clamp(-1.0, 0.5).value().data()[..4], [-1.0, 0.0, 0.0, 0.5]);
        assert_eq!(x.relu().gradients(&[&x])[0].data()[..4], [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(x.abs().gradients(&[&x])[0].data()[..4], [-1.0, 0.0, 0.0, 1.0]);
        assert_eq!(x.clamp(-2.0, 0.5).gradients(&[&x])[0].data()[..4], [1.0, 1.0, 1.0, 0.0]);
    }
}
