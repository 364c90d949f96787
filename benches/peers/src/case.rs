//! Converts the name of a bench to an operation, with its shapes in the axis order of the other
//! libraries.

use adjoint_benches::{Layer, dcgan64_layers, other_layers, small_dcgan_layers};

/// The size of the operands of the memory-bound passes. The numbers are equal to private constants
/// in benches/memory_bound.rs.
pub(crate) const CHANNELS: usize = 64;
pub(crate) const ROWS: usize = 64 * 32 * 32;

/// The largest side of a matrix that is accepted. It exceeds the sides of all benches. The operands
/// of a product with this side fit into memory.
const LARGEST_SIDE: usize = 8192;

/// A convolution whose images and kernels are as high as wide, as in all benches.
#[derive(Clone, Copy)]
pub(crate) struct Convolution {
    /// The shape of the input, NCHW.
    pub(crate) x: [usize; 4],
    /// The shape of the kernel, OIHW for a convolution. The transposed convolution reads the same
    /// four numbers as IOHW, so neither library needs to transpose the kernel.
    pub(crate) w: [usize; 4],
    /// The shape of the output, NCHW.
    pub(crate) y: [usize; 4],
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) dilation: usize,
    /// Number of rows of x that no window of the convolution reaches. The number of columns is the
    /// same. The transposed convolution needs this number to compute the size of its output.
    pub(crate) output_padding: usize,
}

impl Convolution {
    fn of(layer: &Layer) -> Self {
        let g = &layer.geometry;
        let alike = |pair: [usize; 2]| {
            assert!(pair[0] == pair[1], "{}: candle requires square shapes", layer.name);
            pair[0]
        };
        let ([batch, h, w, in_channels], [_, oh, ow, out_channels]) = (g.x_shape(), g.y_shape());
        let ([kh, kw, ..], spec) = (g.w_shape(), g.spec());
        assert!(
            spec.groups == 1,
            "{}: candle does not support groups in transposed convolutions",
            layer.name
        );
        let (size, out, kernel) = (alike([h, w]), alike([oh, ow]), alike([kh, kw]));
        let (stride, padding, dilation) = (alike(spec.stride), alike(spec.padding), alike(spec.dilation));
        Self {
            x: [batch, in_channels, size, size],
            w: [out_channels, in_channels, kernel, kernel],
            y: [batch, out_channels, out, out],
            stride,
            padding,
            dilation,
            output_padding: (size + 2 * padding - dilation * (kernel - 1) - 1) % stride,
        }
    }
}

/// The operation that a bench times.
#[derive(Clone, Copy)]
pub(crate) enum Operation {
    /// Computes y from x and w.
    Conv2d(Convolution),
    /// Computes the gradient of x from the gradient of y and from w.
    ConvTranspose2d(Convolution),
    /// Computes the gradient of w from x and from the gradient of y.
    WeightGrad(Convolution),
    /// The product of an m x k and a k x n matrix, as `[m, k, n]`.
    Product([usize; 3]),
    LeakyRelu,
    Tanh,
    AddBias,
    Mul,
    Sum,
    SumToChannels,
    /// A bench that is not one operation of a tensor library: a layer with different weights in
    /// each call, batch norm, Adam, a training step, or loading.
    Larger,
}

impl Operation {
    /// Returns the operation of the bench called `case`, or `None` if there is no such bench.
    pub(crate) fn of(case: &str) -> Option<Self> {
        let (family, rest) = case.split_once('/')?;
        match (family, rest) {
            ("conv2d" | "conv_transpose2d", _) => convolution(family == "conv_transpose2d", rest),
            ("gemm", _) => product(rest),
            ("pointwise", "leaky_relu") => Some(Self::LeakyRelu),
            ("pointwise", "tanh") => Some(Self::Tanh),
            ("pointwise", "add bias") => Some(Self::AddBias),
            ("pointwise", "mul") => Some(Self::Mul),
            ("pointwise", "sum") => Some(Self::Sum),
            ("pointwise", "sum to channels") => Some(Self::SumToChannels),
            ("linear" | "batch_norm" | "adam" | "step" | "loading", _) => Some(Self::Larger),
            _ => None,
        }
    }

    /// The shape of the result. The result of a sum has one axis with one element.
    pub(crate) fn shape(&self) -> Vec<usize> {
        match self {
            Self::Conv2d(c) => c.y.to_vec(),
            Self::ConvTranspose2d(c) => c.x.to_vec(),
            Self::WeightGrad(c) => c.w.to_vec(),
            Self::Product([m, _, n]) => vec![*m, *n],
            Self::LeakyRelu | Self::Tanh | Self::AddBias | Self::Mul => vec![ROWS, CHANNELS],
            Self::Sum => vec![1],
            Self::SumToChannels => vec![CHANNELS],
            Self::Larger => vec![],
        }
    }
}

fn convolution(transposed: bool, name: &str) -> Option<Operation> {
    let (name, kernel) = name.rsplit_once('/')?;
    let mut layers = dcgan64_layers().into_iter().chain(small_dcgan_layers()).chain(other_layers());
    let layer = layers.find(|layer| layer.transposed == transposed && layer.name == name)?;
    let convolution = Convolution::of(&layer);
    match (kernel, transposed) {
        ("forward", false) | ("input_grad", true) => Some(Operation::Conv2d(convolution)),
        ("input_grad", false) | ("forward", true) => Some(Operation::ConvTranspose2d(convolution)),
        ("weight_grad", _) => Some(Operation::WeightGrad(convolution)),
        _ => None,
    }
}

fn product(sides: &str) -> Option<Operation> {
    let sides = sides.split('x').map(|side| side.parse().ok()).collect::<Option<Vec<usize>>>()?;
    let sides: [usize; 3] = sides.try_into().ok()?;
    sides.iter().all(|side| (1..=LARGEST_SIDE).contains(side)).then_some(Operation::Product(sides))
}
