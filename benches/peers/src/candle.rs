//! The benched operations in candle, on its CPU backend.

use crate::case::{CHANNELS, Operation, ROWS};
use crate::{Output, Run};
use adjoint_benches::numbers;
use candle_core::{Device, Result, Tensor};

impl Output for Tensor {
    fn shape(&self) -> Vec<usize> {
        self.dims().to_vec()
    }

    fn values(&self) -> Vec<f32> {
        self.flatten_all().and_then(|flat| flat.to_vec1()).expect("the result is of f32")
    }
}

fn tensor<const D: usize>(shape: [usize; D], salt: f32) -> Tensor {
    let numbers = numbers(shape.iter().product(), salt);
    Tensor::from_slice(numbers.as_slice(), shape.to_vec(), &Device::Cpu).expect("there are as many numbers")
}

/// Returns a closure that computes a pass over one operand.
fn unary(f: impl Fn(&Tensor) -> Result<Tensor> + 'static) -> Run {
    let x = tensor([ROWS, CHANNELS], 0.0);
    Box::new(move || Box::new(f(&x).expect("the operand fits")))
}

fn binary(a: Tensor, b: Tensor, f: impl Fn(&Tensor, &Tensor) -> Result<Tensor> + 'static) -> Run {
    Box::new(move || Box::new(f(&a, &b).expect("the operands fit each other")))
}

/// Returns a closure that computes the operation, or `None` if candle does not have the operation.
pub(crate) fn run(operation: &Operation) -> Option<Run> {
    let x = || tensor([ROWS, CHANNELS], 0.0);
    Some(match *operation {
        Operation::Conv2d(c) => binary(tensor(c.x, 0.0), tensor(c.w, 0.1), move |x, w| {
            x.conv2d(w, c.padding, c.stride, c.dilation, 1)
        }),
        Operation::ConvTranspose2d(c) => binary(tensor(c.y, 0.2), tensor(c.w, 0.1), move |y, w| {
            y.conv_transpose2d(w, c.padding, c.output_padding, c.stride, c.dilation)
        }),
        Operation::Product([m, k, n]) => binary(tensor([m, k], 0.0), tensor([k, n], 0.1), Tensor::matmul),
        // candle-core has no leaky ReLU; this is the shortest expression for it.
        Operation::LeakyRelu => unary(|x| x.maximum(&(x * 0.2)?)),
        Operation::Tanh => unary(Tensor::tanh),
        Operation::AddBias => binary(x(), tensor([CHANNELS], 0.2), Tensor::broadcast_add),
        Operation::Mul => binary(x(), tensor([ROWS, CHANNELS], 0.1), |x, g| x * g),
        Operation::Sum => unary(|x| x.sum_all()?.reshape(1)),
        Operation::SumToChannels => unary(|x| x.sum(0)),
        // candle computes a weight gradient only as a part of the backward pass of a whole graph.
        Operation::WeightGrad(_) | Operation::Larger => return None,
    })
}
