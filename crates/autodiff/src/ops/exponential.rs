//! Exponential, logarithm and powers.
//!
//! Source: the elementary functions of Griewank & Walther 2008, Evaluating Derivatives, chapter 3.

use super::record_by_output;
use crate::Var;
use crate::graph::record;
use adjoint_tensor::{Element, Tensor};

impl<E: Element> Var<E> {
    /// y = e^x. dy/dx = e^x = y, so x_bar = y_bar y.
    #[must_use]
    pub fn exp(&self) -> Self {
        record_by_output("exp", self, self.value().map(E::exp), |y, g| g * y)
    }

    /// y = ln x. From x = e^y, dx = x dy: x_bar = y_bar / x.
    #[must_use]
    pub fn ln(&self) -> Self {
        record("ln", self.value().map(E::ln), [self], self.clone(), |x, bw| bw.wrt(0, |g| g / x))
    }

    /// y = sqrt(x). From x = y^2, dx = 2 y dy: x_bar = y_bar / (2 y).
    #[must_use]
    pub fn sqrt(&self) -> Self {
        record_by_output("sqrt", self, self.value().map(E::sqrt), |y, g| g / y * 0.5)
    }

    /// y = x^2. By the product rule dy = x dx + x dx: x_bar = 2 y_bar x.
    #[must_use]
    pub fn square(&self) -> Self {
        record("square", self.value().map(|x| x * x), [self], self.clone(), |x, bw| {
            bw.wrt(0, |g| g * x * 2.0)
        })
    }

    /// y = x^p for a constant p. From ln y = p ln x, dy / y = p dx / x: x_bar = p y_bar x^(p - 1).
    /// For p = 0, x_bar is 0 everywhere, including x = 0 (where 0^0 = 1).
    #[must_use]
    pub fn powf(&self, p: f64) -> Self {
        let exponent = E::of(p);
        record(
            "powf",
            self.value().map(move |x| x.powf(exponent)),
            [self],
            (self.clone(), p),
            |(x, p), bw| {
                // For p = 0 the product could be 0 times 0^-1 or 0 times an infinite y_bar, which
                // is NaN.
                bw.wrt(0, |g| match *p {
                    0.0 => g.masked(&Tensor::scalar(0.0)),
                    p => g * x.powf(p - 1.0) * p,
                });
            },
        )
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
        let cases: [(&str, F); 6] = [
            ("exp", |x| x[0].exp()),
            ("ln", |x| x[0].ln()),
            ("sqrt", |x| x[0].sqrt()),
            ("square", |x| x[0].square()),
            ("powf 2.5", |x| x[0].powf(2.5)),
            ("powf -1", |x| x[0].powf(-1.0)),
        ];
        for (name, f) in cases {
            assert_cases(name, 100, |s| {
                let shape = random_shape(s);
                // The inputs are positive, because ln, sqrt and real powers need that. They are at
                // least 1: near 0 the error of the central differences, which grows with the fifth
                // derivative, would exceed the tolerance.
                (vec![random_tensor(s, shape, &[]).map(|x| x.abs() + 1.0)], f)
            });
        }
        assert_cases("square of both signs", 100, |s| {
            let shape = random_shape(s);
            (vec![random_tensor(s, shape, &[])], |x: &[Var<f64>]| x[0].square())
        });
    }

    /// x^p is differentiable at 0 for p = 0, 1 and 2, even if x^(p - 1) or x^(p - 2) is not finite
    /// there.
    #[test]
    fn whole_powers_are_smooth_at_zero() {
        for (p, [value, first, second]) in
            [(0.0, [1.0, 0.0, 0.0]), (1.0, [0.0, 1.0, 0.0]), (2.0, [0.0, 0.0, 2.0])]
        {
            let x = Var::leaf(Tensor::from_slice([2], &[0.0f64, -0.0]));
            let y = x.powf(p);
            let slope = &y.differentiable_gradients(&[&x])[0];
            let curvature = &slope.gradients(&[&x])[0];
            assert_eq!(y.value().data(), [value; 2], "x^{p}");
            assert_eq!(slope.value().data(), [first; 2], "first derivative of x^{p}");
            assert_eq!(curvature.data(), [second; 2], "second derivative of x^{p}");
        }
        let x = Var::leaf(Tensor::from_slice([1], &[3.0f64]));
        assert_eq!(
            (x.powf(0.0) - 1.0).sqrt().gradients(&[&x])[0].item(),
            0.0,
            "the gradient of a constant is 0"
        );
    }
}
