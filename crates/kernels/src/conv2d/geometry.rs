//! The sizes of a convolution: its input, its output, its kernel, and the positions of its windows.

use crate::size::{self, MAX_BYTES};
use crate::tuning::conv2d::{MAX_INTERMEDIATE, SMALL_INTERMEDIATE};
use std::fmt;

/// The stride, padding, dilation and groups of a convolution. The arrays have the order (height,
/// width).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The distance between neighbouring windows, in pixels.
    pub stride: [usize; 2],
    /// The number of rows or columns of zeros that are added on each side of the image.
    pub padding: [usize; 2],
    /// The distance between neighbouring taps of the kernel, in pixels.
    pub dilation: [usize; 2],
    /// The number of groups of channels. Channels of different groups are independent.
    pub groups: usize,
}

impl Spec {
    /// Returns a spec with equal stride and padding in both axes, no dilation and one group.
    pub const fn new(stride: usize, padding: usize) -> Self {
        Spec { stride: [stride; 2], padding: [padding; 2], dilation: [1; 2], groups: 1 }
    }
}

impl Default for Spec {
    fn default() -> Self {
        Spec::new(1, 0)
    }
}

/// The geometry of one convolution from an input of `in_size` to an output of `out_size`.
///
/// Sizes are (height, width). For a convolution, `out_size` is `floor((in + 2 padding - dilation
/// (kernel - 1) - 1) / stride) + 1` (Dumoulin & Visin 2016, relationship 15). With a stride above
/// 1, several input sizes can have the same output size. A transposed convolution is the adjoint of
/// a convolution: it computes an array of `in_size` from an array of `out_size`. Its output padding
/// selects one of the possible input sizes. docs/conv.md has a drawing.
///
/// The fields are not public, so that every geometry of a caller has passed the checks of the two
/// constructors: x, w and y fit in memory, and no coordinate of the padded image overflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// The number of images.
    pub(crate) batch: usize,
    /// Height and width of x.
    pub(crate) in_size: [usize; 2],
    /// The number of channels of x.
    pub(crate) in_channels: usize,
    /// Height and width of y.
    pub(crate) out_size: [usize; 2],
    /// The number of channels of y.
    pub(crate) out_channels: usize,
    /// Height and width of the kernel.
    pub(crate) kernel: [usize; 2],
    /// Stride, padding, dilation and groups.
    pub(crate) spec: Spec,
}

impl Geometry {
    /// Returns the geometry of the convolution of an input with a weight. `x` is the NHWC shape of
    /// the input, and `w` is the HWIO shape of the weight.
    ///
    /// # Panics
    /// If `w`, the stride, the dilation or the number of groups contains 0. If the channels of `x`
    /// and `w` do not match the groups. If the kernel is larger than the padded image. If memory
    /// cannot address x, w, y or an axis of the padded image.
    #[track_caller]
    pub fn new(x: [usize; 4], w: [usize; 4], spec: Spec) -> Self {
        match Geometry::of_input(x, w, spec) {
            Ok(geometry) => geometry,
            Err(why) => panic!("conv2d: input {x:?} (NHWC), weight {w:?} (HWIO), {spec:?}: {why}"),
        }
    }

    fn of_input(x: [usize; 4], w: [usize; 4], spec: Spec) -> Result<Self, String> {
        let [batch, h, wd, in_channels] = x;
        let [kh, kw, wi, out_channels] = w;
        require(all_positive(w, spec), format_args!("{NOT_POSITIVE}"))?;
        require(
            Some(in_channels) == wi.checked_mul(spec.groups),
            format_args!("the input must have {wi} x {} channels", spec.groups),
        )?;
        require(
            out_channels % spec.groups == 0,
            format_args!("{out_channels} output channels do not divide into {} groups", spec.groups),
        )?;
        let in_size = [h, wd];
        let mut out_size = [0; 2];
        for a in 0..2 {
            let extent = extent(w[a], spec.dilation[a]);
            let padded = in_size[a].saturating_add(spec.padding[a].saturating_mul(2));
            require(padded <= MAX_BYTES, format_args!("{TOO_LARGE}"))?;
            require(
                padded >= extent,
                format_args!("the kernel covers {extent} pixels, the padded image has {padded}"),
            )?;
            out_size[a] = (padded - extent) / spec.stride[a] + 1;
        }
        let g = Geometry { batch, in_size, in_channels, out_size, out_channels, kernel: [kh, kw], spec };
        require(g.is_addressable(), format_args!("{TOO_LARGE}"))?;
        Ok(g)
    }

    /// Returns the geometry of a transposed convolution. A transposed convolution is the adjoint of
    /// a convolution, and both have the same geometry. The y of this geometry is the input of the
    /// transposed convolution, with NHWC shape `y`. Its x is the output. `w` is the HWIO shape of
    /// the weight of the convolution. With the channels of the transposed convolution, this is
    /// `[kh][kw][output channels / groups][input channels]`. Along each axis, the output has this
    /// number of pixels (Dumoulin & Visin 2016, relationship 14):
    ///
    /// > (in - 1) stride - 2 padding + dilation (kernel - 1) + 1 + output_padding
    ///
    /// If the output padding is below the stride, [`Geometry::new`] returns the same geometry for
    /// the shape of the output. As in PyTorch, an output padding may also be at least the stride if
    /// it is below the dilation. The output then has room for more windows than `y` has pixels.
    /// These additional windows are ignored.
    ///
    /// # Panics
    /// If channels or groups do not match, `y` or the output would be empty, `output_padding` is
    /// neither below the stride nor below the dilation, or memory cannot address an array or an
    /// axis of the padded output.
    #[track_caller]
    pub fn transposed(y: [usize; 4], w: [usize; 4], spec: Spec, output_padding: [usize; 2]) -> Self {
        match Geometry::of_output(y, w, spec, output_padding) {
            Ok(geometry) => geometry,
            Err(why) => panic!(
                "conv_transpose2d: input {y:?} (NHWC), weight {w:?} (HWIO), {spec:?}, output padding {output_padding:?}: {why}"
            ),
        }
    }

    fn of_output(
        y: [usize; 4],
        w: [usize; 4],
        spec: Spec,
        output_padding: [usize; 2],
    ) -> Result<Self, String> {
        let [batch, h, wd, out_channels] = y;
        let [kh, kw, wi, wo] = w;
        require(all_positive(w, spec), format_args!("{NOT_POSITIVE}"))?;
        require(out_channels == wo, format_args!("the input must have {wo} channels"))?;
        require(
            out_channels % spec.groups == 0,
            format_args!("{out_channels} input channels do not divide into {} groups", spec.groups),
        )?;
        let out_size = [h, wd];
        let mut in_size = [0; 2];
        for a in 0..2 {
            require(
                output_padding[a] < spec.stride[a].max(spec.dilation[a]),
                format_args!("the output padding must be smaller than the stride or the dilation"),
            )?;
            require(out_size[a] > 0, format_args!("the input is empty"))?;
            let full = (out_size[a] - 1)
                .saturating_mul(spec.stride[a])
                .saturating_add(extent(w[a], spec.dilation[a]))
                .saturating_add(output_padding[a]);
            require(full <= MAX_BYTES, format_args!("{TOO_LARGE}"))?;
            in_size[a] = full.saturating_sub(spec.padding[a].saturating_mul(2));
            require(in_size[a] > 0, format_args!("the output would be empty"))?;
        }
        let in_channels = wi.saturating_mul(spec.groups);
        let g = Geometry { batch, in_size, in_channels, out_size, out_channels, kernel: [kh, kw], spec };
        require(g.is_addressable(), format_args!("{TOO_LARGE}"))?;
        Ok(g)
    }

    /// Returns whether memory can address x, w and y.
    fn is_addressable(&self) -> bool {
        let shapes = [self.x_shape(), self.w_shape(), self.y_shape()];
        shapes.iter().all(|shape| size::checked_len(shape).is_some())
    }

    /// Returns the stride, padding, dilation and groups.
    pub fn spec(&self) -> Spec {
        self.spec
    }

    /// Returns the NHWC shape of x.
    pub fn x_shape(&self) -> [usize; 4] {
        [self.batch, self.in_size[0], self.in_size[1], self.in_channels]
    }

    /// Returns the HWIO shape of w.
    pub fn w_shape(&self) -> [usize; 4] {
        [self.kernel[0], self.kernel[1], self.in_channels / self.spec.groups, self.out_channels]
    }

    /// Returns the NHWC shape of y.
    pub fn y_shape(&self) -> [usize; 4] {
        [self.batch, self.out_size[0], self.out_size[1], self.out_channels]
    }

    /// Returns the nominal number of floating-point operations of the convolution, which is also
    /// that of each of its two gradients. There are two operations for each combination of an
    /// output value, a tap, and an input channel of the group. As usual, multiplications by padding
    /// are included.
    pub fn flops(&self) -> f64 {
        let product = |s: &[usize]| s.iter().map(|&d| d as f64).product::<f64>();
        2.0 * product(&self.y_shape()) * product(&self.w_shape()[..3])
    }

    /// Returns whether one window covers the whole image. A convolution is then a plain matrix
    /// product.
    pub(super) fn is_dense(&self) -> bool {
        let s = &self.spec;
        self.kernel == self.in_size && s.padding == [0, 0] && s.dilation == [1, 1] && s.groups == 1
    }

    /// Returns the lengths of x, w and y.
    pub(super) fn lens(&self) -> [usize; 3] {
        [self.x_shape(), self.w_shape(), self.y_shape()].map(|shape| shape.iter().product())
    }

    /// Returns whether an intermediate array of length `len` is short enough: at most
    /// [`SMALL_INTERMEDIATE`], or at most [`MAX_INTERMEDIATE`] times the length of x, w and y
    /// together. `len` is `None` if the length overflows. A fast path that would need a longer
    /// array does not compute the layer. `products` can, because it never stores a padded image.
    pub(super) fn affords(&self, len: Option<usize>) -> bool {
        let operands = self.lens().into_iter().fold(0, usize::saturating_add);
        len.is_some_and(|len| len <= SMALL_INTERMEDIATE.max(operands.saturating_mul(MAX_INTERMEDIATE)))
    }

    /// Checks the lengths of slices for x, w and y.
    ///
    /// # Panics
    /// If a length differs from that of this geometry.
    #[track_caller]
    pub(super) fn check(&self, x: usize, w: usize, y: usize) {
        let want = self.lens();
        assert!(
            [x, w, y] == want,
            "conv2d: the slices have {:?} elements, but the geometry {self:?} needs {want:?}",
            [x, w, y]
        );
    }
}

/// Returns `why` as an error unless `holds`.
fn require(holds: bool, why: fmt::Arguments<'_>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why.to_string()) }
}

fn all_positive(w: [usize; 4], spec: Spec) -> bool {
    !(w.contains(&0) || spec.stride.contains(&0) || spec.dilation.contains(&0) || spec.groups == 0)
}

/// Returns the number of pixels that a kernel covers along an axis.
fn extent(taps: usize, dilation: usize) -> usize {
    dilation.saturating_mul(taps - 1).saturating_add(1)
}

const TOO_LARGE: &str = "memory cannot address x, w, y or an axis of the padded image";
const NOT_POSITIVE: &str = "kernel, channels, stride, dilation and groups must be at least 1";
