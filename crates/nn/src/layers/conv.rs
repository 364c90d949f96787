//! Convolution and transposed convolution of images.

use super::{Spec, add_bias};
use crate::param::{Fans, Param, Role};
use crate::{Element, Var, module};

/// Convolution of NHWC images: `[N, h, w, inputs]` to `[N, h', w', outputs]`, plus one bias per
/// channel.
pub struct Conv2d<E: Element> {
    /// The kernel, `[kh, kw, inputs / groups, outputs]`.
    pub weight: Param<E>,
    /// One bias per output channel, `[outputs]`.
    pub bias: Option<Param<E>>,
    spec: Spec,
}
module!(Conv2d { weight, bias });

impl<E: Element> Conv2d<E> {
    /// Creates a layer with a bias. `kernel` is the height and width of the kernel.
    ///
    /// # Panics
    /// If a number of channels is not a multiple of the number of groups, the stride is 0, or the
    /// weight is larger than the address space.
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize, kernel: [usize; 2], spec: Spec) -> Self {
        check_groups("Conv2d", inputs, outputs, spec);
        let (taps, per_group) = (product(kernel), inputs / spec.groups);
        let fans = Fans { fan_in: taps * per_group as f64, fan_out: taps * (outputs / spec.groups) as f64 };
        Conv2d {
            weight: Param::new([kernel[0], kernel[1], per_group, outputs], Role::Weight(fans)),
            bias: Some(Param::new([outputs], Role::Bias(fans))),
            spec,
        }
    }

    /// Returns the layer without its bias.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Conv2d { bias: None, ..self }
    }

    /// Stride, padding, dilation and groups.
    pub fn spec(&self) -> Spec {
        self.spec
    }

    /// Returns the convolution of x with the layer's weight, plus the bias.
    ///
    /// # Panics
    /// If x has another number of channels than the layer, or is smaller than the kernel.
    #[track_caller]
    pub fn forward(&self, x: &Var<E>) -> Var<E> {
        self.forward_with(x, &self.weight.var())
    }

    /// Returns the convolution of x with `weight`, plus the bias. `weight` replaces the layer's own
    /// weight. It can be, for example, the layer's own weight after normalisation.
    ///
    /// # Panics
    /// Under the conditions of [`forward`](Self::forward).
    #[track_caller]
    pub fn forward_with(&self, x: &Var<E>, weight: &Var<E>) -> Var<E> {
        let [kh, kw, per_group, outputs] = self.weight.shape().nhwc();
        let inputs = per_group * self.spec.groups;
        check_input(format_args!("Conv2d({inputs} -> {outputs}, {kh}x{kw})"), inputs, x);
        add_bias(x.conv2d(weight, self.spec), &self.bias)
    }
}

/// Transposed convolution of NHWC images: `[N, h, w, inputs]` to `[N, h', w', outputs]`. It is the
/// adjoint of a convolution in the opposite direction, from images with `outputs` channels to
/// images with `inputs` channels. The layer adds one bias per channel.
pub struct ConvTranspose2d<E: Element> {
    /// The kernel of the convolution in the opposite direction:
    /// `[kh, kw, outputs / groups, inputs]`.
    pub weight: Param<E>,
    /// One bias per output channel, `[outputs]`.
    pub bias: Option<Param<E>>,
    spec: Spec,
    output_padding: [usize; 2],
}
module!(ConvTranspose2d { weight, bias });

impl<E: Element> ConvTranspose2d<E> {
    /// Creates a layer with a bias and without output padding. `kernel` is the height and width of
    /// the kernel.
    ///
    /// An output pixel that is not close to the border depends on every stride-th tap of the kernel
    /// in each direction. So the fan-in is kh kw (inputs / groups) / (stride height * stride
    /// width). PyTorch's initialisers use the fans of the convolution instead.
    ///
    /// # Panics
    /// If a number of channels is not a multiple of the number of groups, the stride is 0, or the
    /// weight is larger than the address space.
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize, kernel: [usize; 2], spec: Spec) -> Self {
        check_groups("ConvTranspose2d", inputs, outputs, spec);
        let (taps, per_group) = (product(kernel), outputs / spec.groups);
        let fan_in = taps * (inputs / spec.groups) as f64 / product(spec.stride);
        let fans = Fans { fan_in, fan_out: taps * per_group as f64 };
        ConvTranspose2d {
            weight: Param::new([kernel[0], kernel[1], per_group, inputs], Role::Weight(fans)),
            bias: Some(Param::new([outputs], Role::Bias(fans))),
            spec,
            output_padding: [0, 0],
        }
    }

    /// Returns the layer without its bias.
    #[must_use]
    pub fn without_bias(self) -> Self {
        ConvTranspose2d { bias: None, ..self }
    }

    /// Returns the layer with `output_padding` additional rows and columns at the end of its
    /// output. With a stride above 1, the convolution in the opposite direction maps images of
    /// several sizes to the same size. The output padding selects which of these sizes the output
    /// of this layer has.
    #[must_use]
    pub fn with_output_padding(self, output_padding: [usize; 2]) -> Self {
        ConvTranspose2d { output_padding, ..self }
    }

    /// Returns the transposed convolution of x with the layer's weight, plus the bias.
    ///
    /// # Panics
    /// If x has another number of channels than the layer, or the output size would be invalid.
    #[track_caller]
    pub fn forward(&self, x: &Var<E>) -> Var<E> {
        let [kh, kw, per_group, inputs] = self.weight.shape().nhwc();
        let outputs = per_group * self.spec.groups;
        check_input(format_args!("ConvTranspose2d({inputs} -> {outputs}, {kh}x{kw})"), inputs, x);
        let y = x.conv_transpose2d(&self.weight.var(), self.spec, self.output_padding);
        add_bias(y, &self.bias)
    }
}

/// Returns the product of two sizes. It cannot overflow in `f64`.
fn product([a, b]: [usize; 2]) -> f64 {
    a as f64 * b as f64
}

#[track_caller]
fn check_groups(layer: &str, inputs: usize, outputs: usize, spec: Spec) {
    let groups = spec.groups;
    assert!(
        groups > 0 && inputs.is_multiple_of(groups) && outputs.is_multiple_of(groups),
        "{layer}({inputs} -> {outputs}): the channels do not divide into {groups} groups"
    );
    assert!(!spec.stride.contains(&0), "{layer}({inputs} -> {outputs}): stride {:?}", spec.stride);
}

#[track_caller]
fn check_input<E: Element>(layer: std::fmt::Arguments<'_>, inputs: usize, x: &Var<E>) {
    assert!(
        x.shape().rank() == 4 && x.dims()[3] == inputs,
        "{layer}: input of shape {}, need [N, h, w, {inputs}]",
        x.shape()
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Module, Scheme, Stream, Tensor};

    #[test]
    fn transposed_convolution_is_the_adjoint_of_the_convolution_with_its_weight() {
        let spec = Spec { groups: 2, ..Spec::new(2, 1) };
        let mut down = Conv2d::<f64>::new(6, 4, [4, 3], spec).without_bias();
        Scheme::pytorch().apply(&mut down, "down", 0);
        let mut up =
            ConvTranspose2d::<f64>::new(4, 6, [4, 3], spec).with_output_padding([0, 1]).without_bias();
        up.load_state(&down.state()).unwrap();
        let normal = |purpose, shape: [usize; 4]| {
            Var::constant(Stream::new(1, purpose, 0).normal_tensor::<f64>(shape, 0.0, 1.0))
        };
        let (x, g) = (normal("x", [2, 8, 10, 6]), normal("g", [2, 4, 5, 4]));
        let (y, u) = (down.forward(&x), up.forward(&g));
        assert_eq!((y.dims(), u.dims()), (g.dims(), x.dims()));
        let (left, right) = ((&y * &g).sum().item(), (&x * &u).sum().item());
        assert!((left - right).abs() < 1e-12 * left.abs().max(1.0), "{left} and {right}");
    }

    #[test]
    fn biases_are_added_to_channels() {
        let mut layers = (
            Conv2d::<f32>::new(1, 2, [1, 1], Spec::default()),
            ConvTranspose2d::<f32>::new(1, 2, [1, 1], Spec::default()),
        );
        let bias = ("bias".to_owned(), Tensor::from_slice([2], &[3.0, -4.0]));
        layers.0.load_state(&[("weight".into(), Tensor::zeros([1, 1, 1, 2])), bias.clone()]).unwrap();
        layers.1.load_state(&[("weight".into(), Tensor::zeros([1, 1, 2, 1])), bias]).unwrap();
        let x = Var::constant(Tensor::zeros([1, 1, 2, 1]));
        assert_eq!(layers.0.forward(&x).value().data(), [3.0, -4.0, 3.0, -4.0]);
        assert_eq!(layers.1.forward(&x).value().data(), [3.0, -4.0, 3.0, -4.0]);
    }

    #[test]
    #[should_panic(expected = "Conv2d(3 -> 8, 4x4): input of shape [2, 3, 32, 32], need [N, h, w, 3]")]
    fn names_what_does_not_fit() {
        Conv2d::<f32>::new(3, 8, [4, 4], Spec::new(2, 1))
            .forward(&Var::constant(Tensor::zeros([2, 3, 32, 32])));
    }
}
