//! Compares pointwise operations with PyTorch.

use crate::check::{Call, agrees};
use adjoint_autodiff::Var;
use adjoint_tensor::Element;

fn run<E: Element>(call: &mut Call<'_, E>) -> Vec<Var<E>> {
    let attr = |name: &str| call.case.attr::<f64>(name);
    let y = match (call.op(), call.vars().as_slice()) {
        ("add", [a, b]) => *a + *b,
        ("sub", [a, b]) => *a - *b,
        ("mul", [a, b]) => *a * *b,
        ("div", [a, b]) => *a / *b,
        ("neg", [x]) => -*x,
        ("scale", [x]) => x.scale(attr("factor")),
        ("shift", [x]) => x.shift(attr("term")),
        ("exp", [x]) => x.exp(),
        ("ln", [x]) => x.ln(),
        ("sqrt", [x]) => x.sqrt(),
        ("square", [x]) => x.square(),
        ("abs", [x]) => x.abs(),
        ("powf", [x]) => x.powf(attr("exponent")),
        ("tanh", [x]) => x.tanh(),
        ("sigmoid", [x]) => x.sigmoid(),
        ("relu", [x]) => x.relu(),
        ("leaky_relu", [x]) => x.leaky_relu(attr("negative_slope")),
        ("softplus", [x]) => x.softplus(),
        ("clamp", [x]) => x.clamp(attr("min"), attr("max")),
        (op, _) => panic!("no pointwise operation {op} of this many inputs"),
    };
    vec![y]
}

#[test]
fn agrees_in_f64() {
    agrees::<f64>("elementwise", run);
}

#[test]
fn agrees_in_f32() {
    agrees::<f32>("elementwise", run);
}
