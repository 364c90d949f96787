//! A new operation, its gradient rule and its check: `cargo run -p adjoint --example custom_op`.

use adjoint::autodiff::{gradcheck, record};
use adjoint::prelude::*;
use std::f64::consts::FRAC_PI_2;

/// y = sin x.   x_bar = y_bar cos x.
fn sin<E: Element>(x: &Var<E>) -> Var<E> {
    let y = x.value().map(|x| E::of(x.f64().sin())); // the value: tensors only
    record("sin", y, [x], x.clone(), |x, bw| {
        // The rule runs only if this gradient is requested. `x` was saved in the line above. With
        // cos x = sin(x + pi/2), the rule is itself differentiable.
        bw.wrt(0, |y_bar| y_bar * sin(&(x + FRAC_PI_2)));
    })
}

/// The same operation with a gradient rule that is wrong by a thousandth.
fn wrong_sin<E: Element>(x: &Var<E>) -> Var<E> {
    let y = x.value().map(|x| E::of(x.f64().sin()));
    record("wrong sin", y, [x], x.clone(), |x, bw| {
        bw.wrt(0, |y_bar| 1.001 * (y_bar * sin(&(x + FRAC_PI_2))));
    })
}

fn main() {
    // Compare first and second derivatives with central differences on 100 random inputs.
    gradcheck::assert_cases("sin", 100, |stream| {
        let shape = gradcheck::random_shape(stream);
        (vec![gradcheck::random_tensor(stream, shape, &[])], |x: &[Var<f64>]| sin(&x[0]))
    });
    println!("sin: first and second derivatives agree with central differences in 100 cases");

    // The check finds the wrong rule.
    let mut stream = Stream::new(1, "check", 0);
    let x = gradcheck::random_tensor(&mut stream, Shape::new(&[3, 4]), &[]);
    let mismatch = gradcheck::check(&[x], &mut stream, |x| wrong_sin(&x[0]));
    let mismatch = mismatch.expect_err("a wrong rule is found");
    println!("wrong sin: {mismatch}");

    // One rule gives derivatives of every order. The fourth derivative of sin is sin.
    let x = Var::leaf(Tensor::from_slice([3], &[-1.0f64, 0.5, 2.0]));
    let mut y = sin(&x);
    for order in 1..=4 {
        y = y.sum().differentiable_gradients(&[&x]).remove(0);
        println!("derivative {order} at {:?}: {:.4?}", x.value().data(), y.value().data());
    }
    for (fourth, x) in y.value().data().iter().zip(x.value().data()) {
        assert!((fourth - x.sin()).abs() < 1e-12, "{fourth} at {x}");
    }
}
