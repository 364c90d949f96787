//! Functions that are linear in pieces: relu, leaky relu, abs, clamp.
//!
//! Their slope is constant almost everywhere, so a gradient is the flowing-in gradient through a [`gate`], which is
//! linear in it and constant in x; second derivatives vanish. At a kink one subgradient is chosen: relu and leaky relu
//! take the slope of the left side, abs takes 0, clamp takes 1 (PyTorch's choices).
//!
//! Sources: Nair & Hinton 2010, Rectified linear units improve restricted Boltzmann machines; Maas, Hannun & Ng 2013,
//! Rectifier nonlinearities improve neural network acoustic models (leaky); Rockafellar 1970, Convex analysis,
//! section 23 (subgradients).

use crate::Var;
use crate::graph::record;
use adjoint_kernels::batch_norm::Activation;
use adjoint_tensor::{Element, Tensor};

/// Which slope a gate applies.
#[derive(Clone, Copy)]
enum Slope {
    /// 1 for x > 0, `slope` elsewhere.
    Leaky(f64),
    /// The sign of x.
    Sign,
    /// 1 for low <= x <= high, 0 elsewhere.
    Inside(f64, f64),
}

/// u = g slope(x). g_bar = u_bar slope(x).
fn gate<E: Element>(g: &Var<E>, x: &Tensor<E>, slope: Slope) -> Var<E> {
    let u = match slope {
        Slope::Leaky(s) => {
            let s = E::of(s);
            g.value().zip(x, move |g, x| g * if x > E::ZERO { E::ONE } else { s })
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
    };
    record("gate", u, [g], (x.clone(), slope), |(x, slope), bw| bw.wrt(0, |u_bar| gate(u_bar, x, *slope)))
}

impl<E: Element> Var<E> {
    /// y = max(x, 0) (Nair & Hinton 2010). Slope 1 or 0, and 0 at the kink: x_bar = y_bar where x > 0, else 0.
    #[must_use]
    pub fn relu(&self) -> Self {
        let y = self.value().map(|x| x.at_least(E::ZERO));
        // y > 0 exactly where x > 0: saving y lets x die, and y is what the next layer keeps anyway.
        record("relu", y.clone(), [self], y, |y, bw| bw.wrt(0, |g| gate(g, y, Slope::Leaky(0.0))))
    }

    /// y = x for x > 0, slope x elsewhere, with slope >= 0 (Maas et al. 2013). On each side a line through 0:
    /// x_bar = y_bar, slope y_bar.
    ///
    /// # Panics
    /// If the slope is negative: then the sign of y would not tell that of x.
    #[must_use]
    #[track_caller]
    pub fn leaky_relu(&self, slope: f64) -> Self {
        assert!(slope >= 0.0, "leaky_relu: the slope {slope} must not be negative");
        let s = E::of(slope);
        let y = self.value().map(move |x| x * if x > E::ZERO { E::ONE } else { s });
        record("leaky_relu", y.clone(), [self], (y, slope), |(y, slope), bw| {
            bw.wrt(0, |g| gate(g, y, Slope::Leaky(*slope)));
        })
    }

    /// y = f(x) for an activation given as a value. x_bar = y_bar f'(x).
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
    use crate::Var;
    use crate::gradcheck::{assert_cases, random_shape, random_tensor};
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
                // Followed by a square, so that the second derivative is not trivially 0.
                (vec![random_tensor(s, shape, &[0.0, -0.5, 0.8])], move |x: &[Var<f64>]| f(x).square())
            });
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
