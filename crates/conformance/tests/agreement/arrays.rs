//! Compares matrix products, reductions, operations that move elements, and softmax with PyTorch.

use crate::check::{Call, agrees};
use adjoint_autodiff::Var;
use adjoint_tensor::{Element, Shape};

fn run<E: Element>(call: &mut Call<'_, E>) -> Vec<Var<E>> {
    let case = call.case;
    let size = |name: &str| case.attr::<usize>(name);
    let shape = || Shape::new(&case.attr::<Vec<usize>>("shape"));
    let y = match call.op() {
        "matmul" => {
            call.var("a").matmul_flags(case.attr("transpose_a"), call.var("b"), case.attr("transpose_b"))
        }
        "sum" => call.var("x").sum(),
        "mean" => call.var("x").mean(),
        "sum_to" => call.var("x").sum_to(shape()),
        "expand" => call.var("x").expand(shape()),
        "reshape" => call.var("x").reshape(shape()),
        "concat" => Var::concat(&call.vars(), size("axis")),
        "narrow" => call.var("x").narrow(size("axis"), size("start"), size("length")),
        "pad" => {
            let widths: Vec<[usize; 2]> = case.attr("widths");
            let axes = widths.iter().enumerate();
            axes.fold(call.var("x").clone(), |x, (axis, &[before, after])| x.pad(axis, before, after))
        }
        "gather" => call.var("table").gather_rows(&case.indices("indices")),
        "softmax" => call.var("x").softmax(),
        "log_softmax" => call.var("x").log_softmax(),
        op => panic!("no operation {op} on arrays"),
    };
    vec![y]
}

#[test]
fn agrees_in_f64() {
    agrees::<f64>("arrays", run);
}

#[test]
fn agrees_in_f32() {
    agrees::<f32>("arrays", run);
}
