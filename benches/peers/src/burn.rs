//! The benched operations in Burn, on its CPU backend burn-flex.

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

/// Returns a closure that computes a pass over one operand. Operations of Burn consume their
/// operands, so each call gets a clone. The clone shares the memory of the operand. Burn therefore
/// does not overwrite the operand with the result.
fn unary<const D: usize>(f: impl Fn(Tensor<2>) -> Tensor<D> + 'static) -> Run {
    let x = tensor([ROWS, CHANNELS], 0.0);
    call(move || f(x.clone()))
}

/// Returns a closure that computes an operation on two operands. Each call gets clones of them.
fn binary<const A: usize, const B: usize, const D: usize>(
    a: Tensor<A>,
    b: Tensor<B>,
    f: impl Fn(Tensor<A>, Tensor<B>) -> Tensor<D> + 'static,
) -> Run {
    call(move || f(a.clone(), b.clone()))
}

/// Returns a closure that computes the operation, or `None` if Burn does not have the operation.
pub(crate) fn run(operation: &Operation) -> Option<Run> {
    let x = || tensor([ROWS, CHANNELS], 0.0);
    Some(match *operation {
        Operation::Conv2d(c) => {
            let options = ConvOptions::new([c.stride; 2], [c.padding; 2], [c.dilation; 2], 1);
            let f = move |x, w| conv2d(x, w, None, options.clone());
            binary(tensor(c.x, 0.0), tensor(c.w, 0.1), f)
        }
        Operation::ConvTranspose2d(c) => {
            let [stride, padding, padding_out, dilation] =
                [c.stride, c.padding, c.output_padding, c.dilation].map(|n| [n; 2]);
            let options = ConvTransposeOptions::new(stride, padding, padding_out, dilation, 1);
            let f = move |y, w| conv_transpose2d(y, w, None, options.clone());
            binary(tensor(c.y, 0.2), tensor(c.w, 0.1), f)
        }
        Operation::WeightGrad(c) => {
            let (x, w, y) = (tensor(c.x, 0.0), tensor(c.w, 0.1), tensor(c.y, 0.2));
            let options = ConvOptions::new([c.stride; 2], [c.padding; 2], [c.dilation; 2], 1);
            call(move || conv2d_weight_backward(x.clone(), w.clone(), y.clone(), options.clone()))
        }
        Operation::Product([m, k, n]) => binary(tensor([m, k], 0.0), tensor([k, n], 0.1), Tensor::matmul),
        Operation::LeakyRelu => unary(|x| activation::leaky_relu(x, 0.2)),
        Operation::Tanh => unary(Tensor::tanh),
        Operation::AddBias => binary(x(), tensor([1, CHANNELS], 0.2), |x, bias| x + bias),
        Operation::Mul => binary(x(), tensor([ROWS, CHANNELS], 0.1), |x, g| x * g),
        Operation::Sum => unary(|x| x.sum()),
        Operation::SumToChannels => unary(|x| x.sum_dim(0).squeeze_dim::<1>(0)),
        Operation::Larger => return None,
    })
}
