//! Convolution, transposed convolution and the gradient with respect to the weight: three
//! operations that come from one trilinear form.
//!
//! > phi(x, w, g) = sum over n, i, j, o of g\[n, i, j, o\] (x conv w)\[n, i, j, o\]
//! >
//! > (x conv w)\[n, i, j, o\] =
//! > sum over a, b, c of x\[n, s i + d a - p, s j + d b - p, c\] w\[a, b, c, o\]
//!
//! with stride s, dilation d, padding p, and x = 0 outside the image (Dumoulin & Visin 2016, A
//! guide to convolution arithmetic for deep learning, chapters 2 and 4). phi is linear in each
//! argument. So a partial derivative does not depend on the argument with respect to which it is
//! taken:
//!
//! | derivative | operation | is linear in |
//! | --- | --- | --- |
//! | d phi / d g | [`conv2d`] (x, w) | x and w |
//! | d phi / d x | [`conv_transpose2d`] (g, w) | g and w |
//! | d phi / d w | [`conv2d_weight_grad`] (x, g) | x and g |
//!
//! The derivatives of each operation are the other two, so derivatives of any order need no fourth
//! kernel. docs/conv.md derives this step by step.

use crate::Var;
use crate::graph::record;
use adjoint_kernels::conv2d::{self as kernels, Geometry, Spec};
use adjoint_tensor::{Element, Tensor};

/// y = x conv w. x_bar = conv_transpose2d(y_bar, w), w_bar = conv2d_weight_grad(x, y_bar).
///
/// In `f32`, Winograd's algorithm computes layers with many channels. Its error is relative to the
/// largest input of a tile. If a pixel is infinite or NaN, all outputs of its tile can become
/// infinite or NaN ([bounds](kernels#accuracy-in-f32)).
///
/// # Panics
/// If the shape of x or w differs from the geometry.
#[track_caller]
pub fn conv2d<E: Element>(x: &Var<E>, w: &Var<E>, g: Geometry) -> Var<E> {
    expect("conv2d", [("input", x, g.x_shape()), ("weight", w, g.w_shape())]);
    let y = Tensor::build(g.y_shape(), |y| kernels::forward(&g, x.value().data(), w.value().data(), y));
    record("conv2d", y, [x, w], (x.clone(), w.clone(), g), |(x, w, g), bw| {
        bw.wrt(0, |y_bar| conv_transpose2d(y_bar, w, *g));
        bw.wrt(1, |y_bar| conv2d_weight_grad(x, y_bar, *g));
    })
}

/// The adjoint of `x -> x conv w`, applied to g. This is the transposed convolution, and also the
/// gradient of conv2d with respect to x.
///
/// With u = conv_transpose2d(g, w): g_bar = u_bar conv w, w_bar = conv2d_weight_grad(u_bar, g).
///
/// # Panics
/// If the shape of g or w differs from the geometry. g has the shape of the *convolution's* output.
#[track_caller]
pub fn conv_transpose2d<E: Element>(g: &Var<E>, w: &Var<E>, geometry: Geometry) -> Var<E> {
    expect("conv_transpose2d", [("input", g, geometry.y_shape()), ("weight", w, geometry.w_shape())]);
    let u = Tensor::build(geometry.x_shape(), |u| {
        kernels::input_grad(&geometry, g.value().data(), w.value().data(), u);
    });
    record("conv_transpose2d", u, [g, w], (g.clone(), w.clone(), geometry), |(g, w, geometry), bw| {
        bw.wrt(0, |u_bar| conv2d(u_bar, w, *geometry));
        bw.wrt(1, |u_bar| conv2d_weight_grad(u_bar, g, *geometry));
    })
}

/// The adjoint of `w -> x conv w`, applied to g. This is the gradient of conv2d with respect to w.
///
/// With u = conv2d_weight_grad(x, g): x_bar = conv_transpose2d(g, u_bar), g_bar = x conv u_bar.
///
/// # Panics
/// If the shape of x or g differs from the geometry.
#[track_caller]
pub fn conv2d_weight_grad<E: Element>(x: &Var<E>, g: &Var<E>, geometry: Geometry) -> Var<E> {
    expect(
        "conv2d_weight_grad",
        [("input", x, geometry.x_shape()), ("output gradient", g, geometry.y_shape())],
    );
    let u = Tensor::build(geometry.w_shape(), |u| {
        kernels::weight_grad(&geometry, x.value().data(), g.value().data(), u);
    });
    record("conv2d_weight_grad", u, [x, g], (x.clone(), g.clone(), geometry), |(x, g, geometry), bw| {
        bw.wrt(0, |u_bar| conv_transpose2d(g, u_bar, *geometry));
        bw.wrt(1, |u_bar| conv2d(x, u_bar, *geometry));
    })
}

#[track_caller]
fn expect<E: Element, const N: usize>(op: &str, operands: [(&str, &Var<E>, [usize; 4]); N]) {
    for (what, operand, shape) in operands {
        assert!(
            operand.dims() == shape,
            "{op}: the {what} has shape {}, but the geometry needs {shape:?}",
            operand.shape()
        );
    }
}

impl<E: Element> Var<E> {
    /// Returns the convolution of NHWC images with an HWIO weight.
    ///
    /// # Panics
    /// If the shapes and `spec` do not fit.
    #[must_use]
    #[track_caller]
    pub fn conv2d(&self, w: &Var<E>, spec: Spec) -> Self {
        conv2d(self, w, Geometry::new(self.shape().nhwc(), w.shape().nhwc(), spec))
    }

    /// Returns the transposed convolution of NHWC images. The HWIO weight is that of the
    /// convolution whose adjoint this is: `[kh][kw][channels out / groups][channels in]`.
    ///
    /// # Panics
    /// If the shapes, `spec` and `output_padding` do not fit.
    #[must_use]
    #[track_caller]
    pub fn conv_transpose2d(&self, w: &Var<E>, spec: Spec, output_padding: [usize; 2]) -> Self {
        let geometry = Geometry::transposed(self.shape().nhwc(), w.shape().nhwc(), spec, output_padding);
        conv_transpose2d(self, w, geometry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::{assert_cases, random_tensor};
    use adjoint_tensor::{Shape, Stream};

    /// Returns a random geometry. Each axis has its own kernel size, stride, padding and dilation.
    /// There can be several groups, and the strides need not divide the sizes.
    fn random_geometry(s: &mut Stream) -> Geometry {
        loop {
            let mut pair =
                |low: usize, high: usize| [low + s.below(high - low + 1), low + s.below(high - low + 1)];
            let (kernel, size) = (pair(1, 4), pair(1, 7));
            let (stride, padding, dilation) = (pair(1, 3), pair(0, 2), pair(1, 2));
            let spec = Spec { stride, padding, dilation, groups: 1 + s.below(2) };
            let (ci, co) = (1 + s.below(2), (1 + s.below(2)) * spec.groups);
            if (0..2).all(|a| size[a] + 2 * padding[a] > dilation[a] * (kernel[a] - 1)) {
                let x = [1 + s.below(2), size[0], size[1], ci * spec.groups];
                return Geometry::new(x, [kernel[0], kernel[1], ci, co], spec);
            }
        }
    }

    fn operand(s: &mut Stream, shape: [usize; 4]) -> Tensor<f64> {
        random_tensor(s, Shape::new(&shape), &[])
    }

    #[test]
    fn gradients() {
        assert_cases("conv2d", 120, |s| {
            let g = random_geometry(s);
            let inputs = vec![operand(s, g.x_shape()), operand(s, g.w_shape())];
            (inputs, move |v: &[Var<f64>]| conv2d(&v[0], &v[1], g))
        });
        assert_cases("conv_transpose2d", 120, |s| {
            let g = random_geometry(s);
            let inputs = vec![operand(s, g.y_shape()), operand(s, g.w_shape())];
            (inputs, move |v: &[Var<f64>]| conv_transpose2d(&v[0], &v[1], g))
        });
        assert_cases("conv2d_weight_grad", 120, |s| {
            let g = random_geometry(s);
            let inputs = vec![operand(s, g.x_shape()), operand(s, g.y_shape())];
            (inputs, move |v: &[Var<f64>]| conv2d_weight_grad(&v[0], &v[1], g))
        });
    }

    #[test]
    fn sizes_follow_the_formulas() {
        let x = Var::constant(Tensor::<f32>::zeros([2, 28, 28, 3]));
        let w = Var::constant(Tensor::zeros([4, 4, 3, 8]));
        let y = x.conv2d(&w, Spec::new(2, 1));
        assert_eq!(y.dims(), [2, 14, 14, 8]);
        assert_eq!(y.conv_transpose2d(&w, Spec::new(2, 1), [0, 0]).dims(), [2, 28, 28, 3]);
        assert_eq!(y.conv_transpose2d(&w, Spec::new(2, 1), [1, 0]).dims(), [2, 29, 28, 3]);
    }
}
