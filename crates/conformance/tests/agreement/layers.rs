//! Compares layers with PyTorch. They have the parameters and running statistics of PyTorch. Also
//! compares batch norm as an operation.

use crate::check::{Call, agrees};
use crate::convolution::spec_of;
use adjoint_autodiff::Var;
use adjoint_nn::layers::{BatchNorm, Conv2d, ConvTranspose2d, Embedding, LayerNorm, Linear, Mode};
use adjoint_tensor::Element;

fn run<E: Element>(call: &mut Call<'_, E>) -> Vec<Var<E>> {
    let case = call.case;
    let size = |input: &str, axis: usize| case.tensor::<E>(input).dims()[axis];
    let y = match call.op() {
        "linear" => {
            let mut layer = Linear::new(size("weight", 1), size("weight", 0));
            call.load(&mut layer);
            layer.forward(call.var("x"))
        }
        // The engine stores the weights of both kinds of convolution as HWIO. `case.tensor` returns
        // them in this order.
        "conv2d_layer" => {
            let kernel = [size("weight", 0), size("weight", 1)];
            let mut layer = Conv2d::new(size("x", 3), size("weight", 3), kernel, spec_of(case));
            call.load(&mut layer);
            layer.forward(call.var("x"))
        }
        "conv_transpose2d_layer" => {
            let kernel = [size("weight", 0), size("weight", 1)];
            let layer = ConvTranspose2d::new(size("x", 3), size("bias", 0), kernel, spec_of(case));
            let mut layer = layer.with_output_padding(case.attr("output_padding"));
            call.load(&mut layer);
            layer.forward(call.var("x"))
        }
        "layer_norm" => {
            let mut layer = LayerNorm::new(size("weight", 0));
            call.load(&mut layer);
            layer.forward(call.var("x"))
        }
        "embedding" => {
            let mut layer = Embedding::new(size("weight", 0), size("weight", 1));
            call.load(&mut layer);
            layer.forward(&case.indices("indices"))
        }
        "batch_norm" => call.var("x").batch_norm(call.var("weight"), call.var("bias"), case.attr("eps")).y,
        "batch_norm_eval" => {
            let mut layer = BatchNorm::new(size("weight", 0));
            call.load(&mut layer);
            layer.forward(call.var("x"), Mode::Eval)
        }
        "batch_norm_train" => {
            let mut layer = BatchNorm::new(size("weight", 0));
            call.load(&mut layer);
            let y = layer.forward(call.var("x"), Mode::Train);
            return vec![y, Var::constant(layer.running_mean), Var::constant(layer.running_var)];
        }
        op => panic!("no layer {op}"),
    };
    vec![y]
}

#[test]
fn agrees_in_f64() {
    agrees::<f64>("layers", run);
}

#[test]
fn agrees_in_f32() {
    agrees::<f32>("layers", run);
}
