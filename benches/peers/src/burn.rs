//! The operations in Burn, on its CPU backend burn-flex.

use crate::case::{CHANNELS, Operation, ROWS};
use crate::{Output, Run};
use adjoint_benches::numbers;
use burn_tensor::module::{conv_transpose2d, conv2d, conv2d_weight_backward};
use burn_tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn_tensor::{Device, Tensor, TensorData, activation};

impl<const D: usize> Output for Tensor<D> {
    fn shape(&self) -> Vec<usize> {
        self.dims().to_vec()
    }

    fn values(&self) -> Vec<f32> {
        self.to_data().try_to_vec().expect("the result is of f32")
    }
}

fn tensor<const D: usize>(shape: [usize; D], salt: f32) -> Tensor<D> {
    let numbers = numbers(shape.iter().product(), salt);
    Tensor::from_data(TensorData::new(numbers.as_slice().to_vec(), shape), &Device::flex())
}

fn call<const D: usize>(f: impl Fn() -> Tensor<D> + 'static) -> Run {
    let device = Device::flex();
    Box::new(move || {
        let y = f();
        // burn-flex computes immediately, but only this call guarantees that the computation is
        // complete.
        device.sync().expect("the CPU does not fail");
        Box::new(y)
    })
}

/// Returns a closure that computes the operation, or `None` if Burn does not have the operation.
/// Operations consume their operands, so each call gets clones. The clones share the memory of the
/// operands, which prevents an operation from overwriting an operand with the result.
pub(crate) fn run(operation: &Operation) -> Option<Run> {
    let x = || tensor([ROWS, CHANNELS], 0.0);
    Some(match *operation {
        Operation::Conv2d(c) => {
            let (x, w) = (tensor(c.x, 0.0), tensor(c.w, 0.1));
            let options = ConvOptions::new([c.stride; 2], [c.padding; 2], [c.dilation; 2], 1);
            call(move || conv2d(x.clone(), w.clone(), None, options.clone()))
        }
        Operation::ConvTranspose2d(c) => {
            let (y, w) = (tensor(c.y, 0.2), tensor(c.w, 0.1));
            let [stride, padding, padding_out, dilation] =
                [c.stride, c.padding, c.output_padding, c.dilation].map(|n| [n; 2]);
            let options = ConvTransposeOptions::new(stride, padding, padding_out, dilation, 1);
            call(move || conv_transpose2d(y.clone(), w.clone(), None, options.clone()))
        }
        Operation::WeightGrad(c) => {
            let (x, w, y) = (tensor(c.x, 0.0), tensor(c.w, 0.1), tensor(c.y, 0.2));
            let options = ConvOptions::new([c.stride; 2], [c.padding; 2], [c.dilation; 2], 1);
            call(move || conv2d_weight_backward(x.clone(), w.clone(), y.clone(), options.clone()))
        }
        Operation::Product([m, k, n]) => {
            let (a, b) = (tensor([m, k], 0.0), tensor([k, n], 0.1));
            call(move || a.clone().matmul(b.clone()))
        }
        Operation::LeakyRelu => {
            let x = x();
            call(move || activation::leaky_relu(x.clone(), 0.2))
        }
        Operation::Tanh => {
            let x = x();
            call(move || x.clone().tanh())
        }
        Operation::AddBias => {
            let (x, bias) = (x(), tensor([1, CHANNELS], 0.2));
            call(move || x.clone() + bias.clone())
        }
        Operation::Mul => {
            let (x, g) = (x(), tensor([ROWS, CHANNELS], 0.1));
            call(move || x.clone() * g.clone())
        }
        Operation::Sum => {
            let x = x();
            call(move || x.clone().sum())
        }
        Operation::SumToChannels => {
            let x = x();
            call(move || x.clone().sum_dim(0).squeeze_dim::<1>(0))
        }
        Operation::Larger => return None,
    })
}
