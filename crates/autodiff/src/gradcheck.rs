//! The gradient checker.
//!
//! A function f of some tensors becomes a scalar phi(x) = <f(x), c> with a random cotangent c.
//! (With a cotangent of ones, many wrong rules would pass.) The engine computes the directional
//! derivative of phi along a random direction d. The checker compares it with a central difference
//! of phi in `f64`.
//!
//! Second derivatives are checked with psi(x, c) = sum over inputs i of <d phi / d x_i, r_i>^2,
//! with random r_i. To differentiate psi, the engine differentiates the recorded backward pass. The
//! checker compares the derivative of psi with its central difference twice: along d, and along a
//! random direction of c. The direction of c is necessary because the result of a rule also depends
//! on the cotangent. The rule of a linear f depends on nothing else.
//!
//! A fused rule computes the gradient in another way when its backward pass is recorded. So first
//! derivatives are checked both with and without recording. Otherwise the recorded gradient could
//! be wrong, and the check of psi would not notice it, because psi is computed from this gradient.
//!
//! The central difference has five points: (8 (phi(h) - phi(-h)) - (phi(2h) - phi(-2h))) / 12 h,
//! where phi(t) is phi on the line x + t d. Its error has order h^4, so h can be so large that
//! rounding errors do not matter. A rule that is wrong by 0.1 % exceeds the tolerance thousands of
//! times.

use crate::Var;
use adjoint_tensor::{Shape, Stream, Tensor};

/// A function to check. It is a trait object, so that the checker is compiled only once. A generic
/// checker would be compiled for each operation, which would take longer than compiling the
/// operations.
type Function<'a> = &'a dyn Fn(&[Var<f64>]) -> Var<f64>;

/// A function that computes the gradients of a scalar with respect to some values.
type Gradients = fn(&Var<f64>, &[&Var<f64>]) -> Vec<Tensor<f64>>;

/// The step h of the central differences.
const H: f64 = 1e-3;
/// The largest relative error that passes.
const TOLERANCE: f64 = 1e-7;

/// The error of a check: the derivative that the engine computed differs from its central
/// difference.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// The order of the derivative: 1 or 2.
    pub order: usize,
    /// The directional derivative that the engine computed.
    pub analytic: f64,
    /// The central difference.
    pub numeric: f64,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "derivative of order {}: engine {:e}, central difference {:e}",
            self.order, self.analytic, self.numeric
        )
    }
}

/// Checks the first and second derivatives of `f` at `inputs`. `f` must be smooth at all points
/// within a few hundredths of `inputs`.
///
/// # Errors
/// If a derivative differs from its central difference.
pub fn check(
    inputs: &[Tensor<f64>],
    stream: &mut Stream,
    f: impl Fn(&[Var<f64>]) -> Var<f64>,
) -> Result<(), Mismatch> {
    check_function(inputs, stream, &f)
}

fn check_function(inputs: &[Tensor<f64>], stream: &mut Stream, f: Function<'_>) -> Result<(), Mismatch> {
    let mut normal = |shape: Shape| stream.normal_tensor::<f64>(shape, 0.0, 1.0);
    let cotangent = normal(f(&leaves(inputs)).shape());
    let directions: Vec<_> = inputs.iter().map(|x| normal(x.shape())).collect();
    let probes: Vec<_> = inputs.iter().map(|x| Var::constant(normal(x.shape()))).collect();
    let c_direction = normal(cotangent.shape());
    let c = Var::constant(cotangent.clone());
    let phi = |x: &[Var<f64>], c: &Var<f64>| (&f(x) * c).sum();
    let psi = |x: &[Var<f64>], c: &Var<f64>| {
        let gradients = phi(x, c).differentiable_gradients(&x.iter().collect::<Vec<_>>());
        let squares = gradients.iter().zip(&probes).map(|(g, r)| (g * r).sum().square());
        squares.fold(Var::constant(Tensor::scalar(0.0)), |sum, s| &sum + &s)
    };
    let recorded = |y: &Var<f64>, x: &[&Var<f64>]| {
        y.differentiable_gradients(x).into_iter().map(Var::into_value).collect::<Vec<_>>()
    };
    compare(1, inputs, &directions, &|x| phi(x, &c), Var::gradients)?;
    compare(1, inputs, &directions, &|x| phi(x, &c), recorded)?;
    compare(2, inputs, &directions, &|x| psi(x, &c), Var::gradients)?;
    compare(2, &[cotangent], &[c_direction], &|c| psi(&leaves(inputs), &c[0]), Var::gradients)
}

fn leaves(inputs: &[Tensor<f64>]) -> Vec<Var<f64>> {
    inputs.iter().map(|x| Var::leaf(x.clone())).collect()
}

/// Compares two values of the derivative of `scalar` along `directions`. One comes from the
/// function `gradients`, which calls the engine. The other is the central difference.
fn compare(
    order: usize,
    inputs: &[Tensor<f64>],
    directions: &[Tensor<f64>],
    scalar: Function<'_>,
    gradients: Gradients,
) -> Result<(), Mismatch> {
    let x = leaves(inputs);
    let gradients = gradients(&scalar(&x), &x.iter().collect::<Vec<_>>());
    let dot =
        |a: &Tensor<f64>, b: &Tensor<f64>| a.data().iter().zip(b.data()).map(|(a, b)| a * b).sum::<f64>();
    let analytic: f64 = gradients.iter().zip(directions).map(|(g, d)| dot(g, d)).sum();
    let at = |t: f64| {
        let moved: Vec<_> =
            inputs.iter().zip(directions).map(|(x, d)| x.zip(d, |x, d| x + t * H * d)).collect();
        scalar(&leaves(&moved)).item()
    };
    let values = [-2.0, -1.0, 1.0, 2.0].map(at);
    let numeric = (8.0 * (values[2] - values[1]) - (values[3] - values[0])) / (12.0 * H);
    // The rounding errors of the values are divided by H. They limit the accuracy of a derivative
    // that is small relative to the values. So the tolerance also depends on the largest value.
    let scale = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let error = (analytic - numeric).abs() / (analytic.abs() + numeric.abs() + 1e-4 * (scale + 1.0));
    // Written this way so that NaN fails.
    if error <= TOLERANCE { Ok(()) } else { Err(Mismatch { order, analytic, numeric }) }
}

/// Runs [`check`] on `count` random cases. `case` draws the inputs of a case and returns the
/// function to check on them.
///
/// # Panics
/// If a case fails. The message contains the number of the case and the shapes of its inputs.
pub fn assert_cases<F: Fn(&[Var<f64>]) -> Var<f64>>(
    name: &str,
    count: u64,
    case: impl Fn(&mut Stream) -> (Vec<Tensor<f64>>, F),
) {
    for i in 0..count {
        let mut stream = Stream::new(0, name, i);
        let (inputs, f) = case(&mut stream);
        assert_case(name, i, &inputs, &mut stream, &f);
    }
}

fn assert_case(name: &str, i: u64, inputs: &[Tensor<f64>], stream: &mut Stream, f: Function<'_>) {
    if let Err(mismatch) = check_function(inputs, stream, f) {
        let shapes: Vec<_> = inputs.iter().map(Tensor::shape).collect();
        panic!("{name}, case {i}, inputs {shapes:?}: {mismatch}");
    }
}

/// Returns a random size from 1 to 5. The size is 1 in half of all cases, because errors of
/// broadcasting appear at axes of size 1.
pub fn random_size(stream: &mut Stream) -> usize {
    if stream.below(2) == 0 { 1 } else { 2 + stream.below(4) }
}

/// Returns a shape of 0 to 4 axes.
pub fn random_shape(stream: &mut Stream) -> Shape {
    let dims: Vec<usize> = (0..stream.below(5)).map(|_| random_size(stream)).collect();
    Shape::new(&dims)
}

/// Returns a random shape that broadcasts to `shape`. Some of its axes have size 1, and some
/// leading axes are missing.
pub fn random_broadcast(stream: &mut Stream, shape: Shape) -> Shape {
    let dims: Vec<usize> = shape.dims().iter().map(|&d| if stream.below(3) == 0 { 1 } else { d }).collect();
    Shape::new(&dims[stream.below(dims.len() + 1)..])
}

/// Returns random numbers from N(0, 1) at a distance of at least 0.05 from each of the `kinks`,
/// where a function is not differentiable.
pub fn random_tensor(stream: &mut Stream, shape: Shape, kinks: &[f64]) -> Tensor<f64> {
    let near = |x: f64| kinks.iter().any(|k| (x - k).abs() < 0.05);
    let draw = |stream: &mut Stream| (0..).map(|_| stream.normal()).find(|&x| !near(x)).unwrap_or(0.5);
    Tensor::build(shape, |out| out.iter_mut().for_each(|x| *x = draw(stream)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{record, recording};

    /// Returns y = x^2 with a rule whose first derivative is wrong by `percent` percent.
    fn crooked_square(x: &Var<f64>, percent: f64) -> Var<f64> {
        record("crooked", x.value().map(|x| x * x), [x], (x.clone(), percent), |(x, percent), bw| {
            bw.wrt(0, |g| &(g * x) * (2.0 * (1.0 + percent / 100.0)));
        })
    }

    fn verdict(f: impl Fn(&[Var<f64>]) -> Var<f64>) -> Result<(), Mismatch> {
        let mut stream = Stream::new(1, "verdict", 0);
        let x = random_tensor(&mut stream, Shape::new(&[3, 4]), &[]);
        check(&[x], &mut stream, f)
    }

    #[test]
    fn accepts_right_rules() {
        assert_eq!(verdict(|x| crooked_square(&x[0], 0.0)), Ok(()));
        assert_eq!(verdict(|x| x[0].sum()), Ok(()));
        assert_eq!(verdict(|x| &x[0].exp() * &x[0].sum()), Ok(()));
    }

    #[test]
    fn rejects_a_rule_wrong_by_a_thousandth() {
        assert_eq!(verdict(|x| crooked_square(&x[0], 0.1)).unwrap_err().order, 1);
        assert!(verdict(|x| crooked_square(&x[0], -0.001)).is_err());
    }

    #[test]
    fn rejects_a_right_gradient_that_does_not_differentiate() {
        // The first derivative has the right value, but it is a constant, because the rule detaches
        // x.
        let f = |x: &[Var<f64>]| {
            record("flat", x[0].value().map(|x| x * x), [&x[0]], x[0].clone(), |x, bw| {
                bw.wrt(0, |g| &(g * &x.detach()) * 2.0);
            })
        };
        assert_eq!(verdict(f).unwrap_err().order, 2);
    }

    #[test]
    fn rejects_a_rule_that_does_not_differentiate_by_its_cotangent() {
        // The result is linear in y_bar but detached from it. This is wrong wherever the operation
        // is part of a larger function.
        let f = |x: &[Var<f64>]| {
            record("severed", x[0].value().map(|x| x * x), [&x[0]], x[0].clone(), |x, bw| {
                bw.wrt(0, |g| &(&g.detach() * x) * 2.0);
            })
        };
        assert_eq!(verdict(f).unwrap_err().order, 2);
        let linear = |x: &[Var<f64>]| {
            record("severed", x[0].value().map(|x| 3.0 * x), [&x[0]], (), |(), bw| {
                bw.wrt(0, |g| &g.detach() * 3.0);
            })
        };
        assert_eq!(verdict(linear).unwrap_err().order, 2);
    }

    #[test]
    fn rejects_a_fused_rule_whose_recorded_form_is_another_function() {
        // The first derivative is right. The recorded derivative is differentiable, but it is the
        // gradient of x^3.
        let f = |x: &[Var<f64>]| {
            record("split", x[0].value().map(|x| x * x), [&x[0]], x[0].clone(), |x, bw| {
                let fused = |g: &Var<f64>| &(g * x) * 2.0;
                let definition = |g: &Var<f64>| &(g * &x.square()) * 3.0;
                bw.wrt(0, |g| if recording() { definition(g) } else { fused(g) });
            })
        };
        assert_eq!(verdict(f).unwrap_err().order, 1);
    }

    #[test]
    fn rejects_a_gradient_that_is_right_only_for_a_cotangent_of_ones() {
        // d(sum)/dx is 1 everywhere. A rule that ignores y_bar passes every check with a cotangent
        // of ones.
        let f = |x: &[Var<f64>]| {
            record("forgetful", x[0].value().map(|x| 3.0 * x), [&x[0]], (), |(), bw| {
                bw.wrt(0, |g| Var::constant(Tensor::full(g.shape(), 3.0)));
            })
        };
        assert!(verdict(f).is_err());
    }

    #[test]
    fn rejects_a_missing_contribution_and_nan() {
        let half = |x: &[Var<f64>]| {
            record("half", x[0].value().map(|v| v * v), [&x[0], &x[0]], x[0].clone(), |x, bw| {
                bw.wrt(0, |g| g * x)
            })
        };
        assert!(verdict(half).is_err());
        let nan = |x: &[Var<f64>]| &x[0] * f64::NAN;
        assert!(verdict(nan).is_err());
    }
}
