//! Smooth squashing functions (tanh, sigmoid, softplus), and the cross entropy of a logit.
//!
//! Sources: Rumelhart, Hinton & Williams 1986, Learning representations by back-propagating errors
//! (sigmoid); LeCun, Bottou, Orr & Müller 1998, Efficient BackProp (tanh); Dugas et al. 2001,
//! Incorporating second-order functional knowledge for better option pricing (softplus); Bishop
//! 2006, Pattern Recognition and Machine Learning, section 4.3.2 (cross entropy).

use super::record_by_output;
use crate::Var;
use crate::graph::record;
use adjoint_tensor::Element;

impl<E: Element> Var<E> {
    /// y = tanh x = sinh x / cosh x. By the quotient rule dy/dx = 1 - y^2: x_bar = y_bar (1 - y^2).
    #[must_use]
    pub fn tanh(&self) -> Self {
        record_by_output("tanh", self, self.value().map(E::tanh), tanh_grad)
    }

    /// y = sigma(x) = 1 / (1 + e^-x). dy/dx = e^-x / (1 + e^-x)^2 = y (1 - y): x_bar = y_bar y
    /// (1 - y).
    #[must_use]
    pub fn sigmoid(&self) -> Self {
        record_by_output("sigmoid", self, self.value().map(E::sigmoid), |y, g| g * y * (1.0 - y))
    }

    /// y = ln(1 + e^x) = -ln sigma(-x), exact for large |x|. dy/dx = e^x / (1 + e^x):
    /// x_bar = y_bar sigma(x).
    #[must_use]
    pub fn softplus(&self) -> Self {
        record("softplus", self.value().map(E::softplus), [self], self.clone(), |x, bw| {
            bw.wrt(0, |g| g * x.sigmoid());
        })
    }

    /// The cross entropy of a logit x and a label t, which is a probability. It is elementwise,
    /// with broadcasting:
    ///
    /// > y = -t ln sigma(x) - (1 - t) ln(1 - sigma(x)) = t softplus(-x) + (1 - t) softplus(x)
    ///
    /// Each logarithm becomes a separate softplus. In the shorter formula softplus(x) - t x, a
    /// small y would be the difference of two large numbers. If t is 0 or 1, one softplus has the
    /// factor 0. Its product is 0 even if it is infinite. So y is 0 for an infinite logit with the
    /// right sign. With dy/dx = sigma(x) - t and dy/dt = softplus(-x) - softplus(x) = -x: x_bar =
    /// y_bar (sigma(x) - t), t_bar = -y_bar x.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[must_use]
    #[track_caller]
    pub fn binary_cross_entropy(&self, t: &Self) -> Self {
        let y =
            self.value().zip(t.value(), |x, t| (-x).softplus().masked(t) + x.softplus().masked(E::ONE - t));
        record("binary_cross_entropy", y, [self, t], (self.clone(), t.clone()), |(x, t), bw| {
            bw.wrt(0, |g| g * sigmoid_minus(x, t));
            bw.wrt(1, |g| -(g * x));
        })
    }
}

/// y = sigma(x) - t = (1 - t) sigma(x) - t sigma(-x). The second form is accurate even if y is
/// small. x_bar = y_bar sigma'(x) = y_bar sigma(x) sigma(-x), t_bar = -y_bar.
fn sigmoid_minus<E: Element>(x: &Var<E>, t: &Var<E>) -> Var<E> {
    let y = x.value().zip(t.value(), |x, t| (E::ONE - t) * x.sigmoid() - t * (-x).sigmoid());
    record("sigmoid_minus", y, [x, t], x.clone(), |x, bw| {
        bw.wrt(0, |g| g * x.sigmoid() * (-x).sigmoid());
        bw.wrt(1, |g| -g);
    })
}

/// u = g (1 - y^2), the gradient of tanh in one pass over memory. u is linear in g: g_bar = u_bar
/// (1 - y^2), y_bar = -2 u_bar y g.
fn tanh_grad<E: Element>(y: &Var<E>, g: &Var<E>) -> Var<E> {
    let u = y.value().zip(g.value(), |y, g| g * (E::ONE - y * y));
    record("tanh_grad", u, [y, g], (y.clone(), g.clone()), |(y, g), bw| {
        bw.wrt(0, |u_bar| u_bar * y * g * -2.0);
        bw.wrt(1, |u_bar| tanh_grad(y, u_bar));
    })
}

#[cfg(test)]
mod tests {
    use crate::Var;
    use crate::gradcheck::{assert_cases, random_broadcast, random_shape, random_tensor};
    use adjoint_tensor::{Stream, Tensor};

    #[test]
    fn gradients() {
        type F = fn(&[Var<f64>]) -> Var<f64>;
        let cases: [(&str, F); 3] =
            [("tanh", |x| x[0].tanh()), ("sigmoid", |x| x[0].sigmoid()), ("softplus", |x| x[0].softplus())];
        for (name, f) in cases {
            assert_cases(name, 100, |s| {
                let shape = random_shape(s);
                (vec![random_tensor(s, shape, &[]).map(|x| 2.0 * x)], f)
            });
        }
    }

    #[test]
    fn gradients_of_the_cross_entropy() {
        assert_cases("binary_cross_entropy", 100, |s| {
            let shape = random_shape(s);
            let (x, t) = (random_broadcast(s, shape), random_broadcast(s, shape));
            let inputs = vec![random_tensor(s, x, &[]).map(|x| 2.0 * x), s.uniform_tensor(t, 0.0, 1.0)];
            (inputs, |v: &[Var<f64>]| v[0].binary_cross_entropy(&v[1]))
        });
    }

    /// The one-pass kernel equals its definition with softplus functions, bit for bit.
    #[test]
    fn cross_entropy_is_its_definition() {
        let mut s = Stream::new(1, "cross entropy", 0);
        let x: Var<f32> = Var::leaf(s.normal_tensor([4, 100], 0.0, 10.0));
        let t = Var::constant(s.uniform_tensor([4, 100], 0.0, 1.0));
        let definition = &t * (-&x).softplus() + (1.0 - &t) * x.softplus();
        assert_eq!(x.binary_cross_entropy(&t).value().data(), definition.value().data());
    }

    #[test]
    fn cross_entropy_of_infinite_logits() {
        let x =
            Var::leaf(Tensor::from_slice([4], &[f32::INFINITY, f32::NEG_INFINITY, f32::INFINITY, f32::NAN]));
        let t = Var::constant(Tensor::from_slice([4], &[1.0, 0.0, 0.0, 1.0]));
        let y = x.binary_cross_entropy(&t);
        assert_eq!(y.value().data()[..3], [0.0, 0.0, f32::INFINITY]);
        assert!(y.value().data()[3].is_nan());
        assert_eq!(y.gradients(&[&x])[0].data()[..3], [0.0, 0.0, 1.0]);
    }

    /// The gradient of softplus is accurate for large |x|.
    #[test]
    fn tails_are_exact() {
        let x = Var::leaf(Tensor::from_slice([2], &[80.0f32, -80.0]));
        let g = x.softplus().gradients(&[&x]);
        assert_eq!(g[0].data()[0], 1.0);
        assert!((f64::from(g[0].data()[1]) / (-80.0f64).exp() - 1.0).abs() < 1e-6);
    }
}
