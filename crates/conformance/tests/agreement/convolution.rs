//! Compares conv2d and conv_transpose2d with PyTorch, for different kernels, strides, paddings,
//! dilations, groups and output paddings.

use crate::check::{Call, agrees};
use crate::fixture::Case;
use adjoint_autodiff::Var;
use adjoint_autodiff::ops::Spec;
use adjoint_tensor::Element;

fn run<E: Element>(call: &mut Call<'_, E>) -> Vec<Var<E>> {
    let (case, spec) = (call.case, spec_of(call.case));
    let (x, w) = (call.var("x"), call.var("w"));
    let y = match call.op() {
        "conv2d" => x.conv2d(w, spec),
        "conv_transpose2d" => x.conv_transpose2d(w, spec, case.attr("output_padding")),
        op => panic!("no convolution {op}"),
    };
    vec![y]
}

/// Returns the stride, padding, dilation and groups of a case.
pub(crate) fn spec_of(case: &Case) -> Spec {
    Spec {
        stride: case.attr("stride"),
        padding: case.attr("padding"),
        dilation: case.attr("dilation"),
        groups: case.attr("groups"),
    }
}

#[test]
fn agrees_in_f64() {
    agrees::<f64>("convolution", run);
}

#[test]
fn agrees_in_f32() {
    agrees::<f32>("convolution", run);
}
