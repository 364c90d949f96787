//! The operators + - * / between two values, with broadcasting, and between a value and a number.
//!
//! Source: the elementary operations of Griewank & Walther 2008, Evaluating Derivatives, chapter 3.

use crate::Var;
use crate::graph::record;
use adjoint_tensor::Element;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// y = x. x_bar = y_bar. The result has another node than x. So a gradient with respect to the
/// result can be requested, apart from the gradient with respect to x.
pub(crate) fn identity<E: Element>(x: &Var<E>) -> Var<E> {
    record("identity", x.value().clone(), [x], (), |(), bw| bw.wrt(0, Var::clone))
}

/// y = a + b. dy = da + db, so a_bar = y_bar, b_bar = y_bar.
#[track_caller]
fn add<E: Element>(a: &Var<E>, b: &Var<E>) -> Var<E> {
    record("add", a.value().zip(b.value(), |a, b| a + b), [a, b], (), |(), bw| {
        bw.wrt(0, Var::clone);
        bw.wrt(1, Var::clone);
    })
}

/// y = a - b. dy = da - db, so a_bar = y_bar, b_bar = -y_bar.
#[track_caller]
fn sub<E: Element>(a: &Var<E>, b: &Var<E>) -> Var<E> {
    record("sub", a.value().zip(b.value(), |a, b| a - b), [a, b], (), |(), bw| {
        bw.wrt(0, Var::clone);
        bw.wrt(1, |g| -g);
    })
}

/// y = a b (elementwise). dy = b da + a db, so a_bar = y_bar b, b_bar = y_bar a.
#[track_caller]
fn mul<E: Element>(a: &Var<E>, b: &Var<E>) -> Var<E> {
    record("mul", a.value().zip(b.value(), |a, b| a * b), [a, b], (a.clone(), b.clone()), |(a, b), bw| {
        bw.wrt(0, |g| g * b);
        bw.wrt(1, |g| g * a);
    })
}

/// y = a / b (elementwise). From a = y b, da = b dy + y db, so a_bar = y_bar / b, b_bar = -y_bar
/// y / b.
#[track_caller]
fn div<E: Element>(a: &Var<E>, b: &Var<E>) -> Var<E> {
    let y = a.value().zip(b.value(), |a, b| a / b);
    record("div", y.clone(), [a, b], (b.clone(), y), |(b, y), bw| {
        let y = bw.output(y);
        bw.wrt(0, |g| g / b);
        bw.wrt(1, |g| -(&(g * &y) / b));
    })
}

impl<E: Element> Var<E> {
    /// y = s x. x_bar = s y_bar.
    #[must_use]
    pub fn scale(&self, s: f64) -> Self {
        let factor = E::of(s);
        record("scale", self.value().map(move |x| factor * x), [self], s, |&s, bw| bw.wrt(0, |g| g.scale(s)))
    }

    /// y = x + s. x_bar = y_bar.
    #[must_use]
    pub fn shift(&self, s: f64) -> Self {
        let term = E::of(s);
        record("shift", self.value().map(move |x| x + term), [self], (), |(), bw| bw.wrt(0, Var::clone))
    }
}

/// Implements an operator for two types of operands.
macro_rules! operator {
    ($operator:ident, $method:ident, $a:ty, $b:ty, |$x:ident, $y:ident| $call:expr) => {
        impl<E: Element> $operator<$b> for $a {
            type Output = Var<E>;
            #[track_caller]
            fn $method(self, other: $b) -> Var<E> {
                let ($x, $y) = (self, other);
                $call
            }
        }
    };
}

/// Implements an operator between two values, in all four combinations of owned and borrowed.
macro_rules! binary {
    ($operator:ident, $method:ident) => {
        operator!($operator, $method, &Var<E>, &Var<E>, |a, b| $method(a, b));
        operator!($operator, $method, &Var<E>, Var<E>, |a, b| $method(a, &b));
        operator!($operator, $method, Var<E>, &Var<E>, |a, b| $method(&a, b));
        operator!($operator, $method, Var<E>, Var<E>, |a, b| $method(&a, &b));
    };
}
binary!(Add, add);
binary!(Sub, sub);
binary!(Mul, mul);
binary!(Div, div);

/// Implements the operators between a value x and a number s, except s / x. Each operator is
/// computed with [`Var::scale`] or [`Var::shift`], which have the rules.
macro_rules! scalar {
    ($($value:ty),*) => {$(
        operator!(Add, add, $value, f64, |x, s| x.shift(s));
        operator!(Sub, sub, $value, f64, |x, s| x.shift(-s));
        operator!(Mul, mul, $value, f64, |x, s| x.scale(s));
        operator!(Div, div, $value, f64, |x, s| x.scale(1.0 / s));
        operator!(Add, add, f64, $value, |s, x| x.shift(s));
        operator!(Sub, sub, f64, $value, |s, x| x.scale(-1.0).shift(s));
        operator!(Mul, mul, f64, $value, |s, x| x.scale(s));
        /// y = -x. x_bar = -y_bar.
        impl<E: Element> Neg for $value {
            type Output = Var<E>;
            fn neg(self) -> Var<E> {
                self.scale(-1.0)
            }
        }
    )*};
}
scalar!(&Var<E>, Var<E>);

#[cfg(test)]
mod tests {
    use crate::Var;
    use crate::gradcheck::{assert_cases, random_broadcast, random_shape, random_tensor};
    use adjoint_tensor::{Stream, Tensor};

    /// Returns two random operands. In most cases at least one of them is broadcast.
    fn pair(stream: &mut Stream) -> Vec<Tensor<f64>> {
        let shape = random_shape(stream);
        let (a, b) = (random_broadcast(stream, shape), random_broadcast(stream, shape));
        // The second operand is at least 0.5 from 0, where division is not smooth.
        vec![random_tensor(stream, a, &[]), random_tensor(stream, b, &[]).map(|b| b + 0.5 * b.signum())]
    }

    #[test]
    fn gradients() {
        type F = fn(&[Var<f64>]) -> Var<f64>;
        let binary: [(&str, F); 4] = [
            ("add", |x| &x[0] + &x[1]),
            ("sub", |x| &x[0] - &x[1]),
            ("mul", |x| &x[0] * &x[1]),
            ("div", |x| &x[0] / &x[1]),
        ];
        for (name, f) in binary {
            assert_cases(name, 100, |s| (pair(s), f));
        }
        let unary: [(&str, F); 4] = [
            ("scale", |x| 3.0 * &x[0]),
            ("shift", |x| &x[0] + 2.5),
            ("neg", |x| -&x[0]),
            ("rsub", |x| 1.0 - &x[0] / 3.0),
        ];
        for (name, f) in unary {
            assert_cases(name, 100, |s| {
                let shape = random_shape(s);
                (vec![random_tensor(s, shape, &[])], f)
            });
        }
    }

    #[test]
    fn values() {
        let x = Var::constant(Tensor::from_slice([2], &[3.0f32, -4.0]));
        let y = Var::constant(Tensor::from_slice([2], &[2.0f32, 8.0]));
        assert_eq!((&x / &y).value().data(), &[1.5, -0.5]);
        assert_eq!((1.0 - 2.0 * &x + &y).value().data(), &[-3.0, 17.0]);
        assert_eq!((-&x - 1.0).value().data(), &[-4.0, 3.0]);
    }
}
