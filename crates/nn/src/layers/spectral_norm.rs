//! Spectral normalisation of the weights of layers.

use super::{Mode, Spec};
use crate::param::{Direction, direction};
use crate::{Element, Param, Tensor, Var, module};

/// Spectral normalisation (Miyato et al. 2018): a weight W is divided by an estimate of its largest
/// singular value,
///
/// > W / sigma,   sigma = u^T W v
///
/// so a fully connected layer has a Lipschitz constant of about 1. W is a matrix with one row per
/// output (section 2.1). The kernel of a convolution is also treated as a matrix with one row per
/// output channel. This limits the Lipschitz constant of the map from one window of the image to
/// the outputs at this window. A pixel is part of several windows. If each pixel is in m windows,
/// the Lipschitz constant of the convolution is bounded by sqrt(m). With 4x4 kernels and stride 2,
/// m is 4 and the bound is 2.
///
/// u and v are estimates of the first singular vectors of W. Each forward pass in training improves
/// them by one step of power iteration (eq. 18-20). In the gradient, u and v are constants, and
/// both W and sigma are differentiated (eq. 12). u starts in a random direction, because a fixed
/// direction could be orthogonal to the range of W. If W is 0, sigma is 0 and W is returned
/// unchanged.
pub struct SpectralNorm<E: Element> {
    /// The estimate u, `[outputs, 1]`.
    u: Direction<E>,
    /// The estimate v, `[inputs, 1]`. It is 0 before the first pass.
    v: Tensor<E>,
    /// Whether the first axis of W counts the outputs, as in a matrix. Otherwise the last axis
    /// counts the outputs, as in a kernel (HWIO).
    outputs_first: bool,
}
module!(SpectralNorm { u, v });

impl<E: Element> SpectralNorm<E> {
    /// Creates the spectral normalisation of a matrix `[outputs, inputs]`.
    ///
    /// # Panics
    /// If `weight` is not a matrix.
    #[track_caller]
    pub fn of_matrix(weight: &Param<E>) -> Self {
        let [outputs, inputs] = weight.shape().matrix();
        Self::new(outputs, inputs, true)
    }

    /// Creates the spectral normalisation of a convolution kernel with the layout HWIO.
    ///
    /// # Panics
    /// If `weight` does not have four axes, or the convolution has more than one group. Each group
    /// would be a separate matrix with its own sigma.
    #[track_caller]
    pub fn of_kernel(weight: &Param<E>, spec: Spec) -> Self {
        assert!(spec.groups == 1, "SpectralNorm: a kernel of {} groups, need one matrix", spec.groups);
        let [h, w, inputs, outputs] = weight.shape().nhwc();
        Self::new(outputs, h * w * inputs, false)
    }

    fn new(outputs: usize, inputs: usize, outputs_first: bool) -> Self {
        SpectralNorm { u: Direction::new(outputs), v: Tensor::zeros([inputs, 1]), outputs_first }
    }

    /// Returns `weight` divided by sigma, or `weight` itself if `norm` is `None`.
    pub fn apply(norm: &mut Option<Self>, weight: &Param<E>, mode: Mode) -> Var<E> {
        match norm {
            Some(norm) => norm.normalise(&weight.var(), mode),
            None => weight.var(),
        }
    }

    /// Returns W / sigma, where W is `weight`.
    ///
    /// # Panics
    /// If `weight` has another shape than the weight for which the norm was created.
    #[track_caller]
    pub fn normalise(&mut self, weight: &Var<E>, mode: Mode) -> Var<E> {
        let (outputs, inputs) = (self.u.value().len(), self.v.len());
        let first = self.outputs_first;
        let matrix = weight.reshape(if first { [outputs, inputs] } else { [inputs, outputs] });
        let is_new = self.v.data().iter().all(|&v| v == E::ZERO);
        let [u, v] = if mode == Mode::Train || is_new {
            self.power_iteration(matrix.value())
        } else {
            [self.u.value().clone(), self.v.clone()]
        };
        if mode == Mode::Train {
            *self.u.value_mut() = u.clone();
            self.v = v.clone();
        }
        let [u, v] = [u, v].map(Var::constant);
        let sigma = matrix.matmul_flags(!first, &v, false).matmul_flags(true, &u, false).reshape([1]);
        let is_invertible = (E::ONE / sigma.value().data()[0]).is_finite();
        if is_invertible { weight / sigma } else { weight.clone() }
    }

    /// Returns u and v after one step of power iteration with W: v = W^T u and u = W v, each
    /// divided by its length.
    fn power_iteration(&self, w: &Tensor<E>) -> [Tensor<E>; 2] {
        let v = direction(&w.matmul(self.outputs_first, self.u.value(), false), &self.v);
        let u = direction(&w.matmul(!self.outputs_first, &v, false), self.u.value());
        [u, v]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::param::{Fans, Role};
    use crate::{Module, Scheme};
    use adjoint_autodiff::gradcheck;

    fn weight(shape: &[usize], values: &[f64]) -> Param<f64> {
        let mut p = Param::new(crate::Shape::new(shape), Role::Weight(Fans { fan_in: 1.0, fan_out: 1.0 }));
        p.load_state(&[(String::new(), Tensor::from_slice(crate::Shape::new(shape), values))]).unwrap();
        p
    }

    /// The weight has the singular values 3 and 1. It is tested as a matrix, with outputs in rows,
    /// and as a kernel, with outputs in columns.
    #[test]
    fn divides_by_the_largest_singular_value() {
        let w = weight(&[2, 2], &[2.0, 1.0, 1.0, 2.0]);
        let kernel = weight(&[1, 2, 1, 2], &[2.0, 1.0, 1.0, 2.0]);
        let of_kernel = SpectralNorm::of_kernel(&kernel, Spec::new(1, 0));
        for (mut norm, w) in [(SpectralNorm::of_matrix(&w), &w), (of_kernel, &kernel)] {
            // Start away from the first singular vector, so that the iteration has to find it.
            *norm.u.value_mut() = Tensor::from_slice([2, 1], &[1.0, 0.0]);
            let mut y = w.var();
            (0..30).for_each(|_| y = norm.normalise(&w.var(), Mode::Train));
            let want = w.value().map(|x| x / 3.0);
            assert!(y.value().data().iter().zip(want.data()).all(|(y, w)| (y - w).abs() < 1e-12));
            let state = norm.state();
            norm.normalise(&w.var(), Mode::Eval);
            assert!(norm.state().iter().zip(&state).all(|((_, a), (_, b))| a.data() == b.data()));
        }
    }

    /// A 1x1 kernel is a matrix with its outputs in the columns.
    #[test]
    fn a_kernel_is_the_transposed_matrix() {
        let values: Vec<f64> = (0..6).map(|i| f64::from(i * i) - 4.0).collect();
        let transposed: Vec<f64> = (0..6).map(|i| values[i % 2 * 3 + i / 2]).collect();
        let (w, kernel) = (weight(&[2, 3], &values), weight(&[1, 1, 3, 2], &transposed));
        let (mut a, mut b) = (SpectralNorm::of_matrix(&w), SpectralNorm::of_kernel(&kernel, Spec::new(1, 0)));
        let (x, y) = (a.normalise(&w.var(), Mode::Train), b.normalise(&kernel.var(), Mode::Train));
        for i in 0..6 {
            assert!((x.value().data()[i] - y.value().data()[i % 3 * 2 + i / 3]).abs() < 1e-14);
        }
    }

    #[test]
    fn gradients_flow_through_sigma() {
        gradcheck::assert_cases("spectral norm", 20, |s| {
            let w: Tensor<f64> = s.normal_tensor([3, 4], 0.0, 1.0);
            // Iterate until u and v are close to the first singular vectors, because otherwise
            // sigma could be close to 0.
            let mut trained = SpectralNorm::new(3, 4, true);
            trained.u.draw(s);
            (0..3).for_each(|_| _ = trained.normalise(&Var::constant(w.clone()), Mode::Train));
            let state = trained.state();
            (vec![w], move |w: &[Var<f64>]| {
                let mut norm = SpectralNorm::new(3, 4, true);
                norm.load_state(&state).expect("the state is that of a norm of the same shape");
                norm.normalise(&w[0], Mode::Eval).square().sum()
            })
        });
    }

    /// W has rank 1 and the singular values sqrt(10) and 0. A vector of equal elements is
    /// orthogonal to the first left singular vector of W. If u started there, sigma would stay 0.
    #[test]
    fn the_start_is_orthogonal_to_no_weight() {
        let w = weight(&[2, 2], &[1.0, 2.0, -1.0, -2.0]);
        let want = w.value().map(|x| x / 10f64.sqrt());
        let normalised = |norm: &mut SpectralNorm<f64>, mode| {
            let y = norm.normalise(&w.var(), mode).into_value();
            y.data().iter().zip(want.data()).all(|(y, w)| (y - w).abs() < 1e-12)
        };
        let mut norm = SpectralNorm::of_matrix(&w);
        assert!(normalised(&mut norm, Mode::Eval), "before the first pass of training");
        assert!(normalised(&mut norm, Mode::Train) && normalised(&mut norm, Mode::Eval));
        let started = |path: &str, seed| {
            let mut norm = SpectralNorm::of_matrix(&w);
            Scheme::pytorch().apply(&mut norm, path, seed);
            assert!((norm.u.value().sum_of_squares() - 1.0).abs() < 1e-12);
            norm.u.value().data().to_vec()
        };
        assert_eq!(started("d.spectral", 1), started("d.spectral", 1));
        assert!(started("d.spectral", 1) != started("d.spectral", 2), "another seed");
        assert!(started("d.spectral", 1) != started("g.spectral", 1), "another name");
    }

    #[test]
    fn a_weight_of_zeros_stays_as_it_is_and_can_grow() {
        let zero = weight(&[2, 2], &[0.0; 4]);
        let mut norm = SpectralNorm::of_matrix(&zero);
        for mode in [Mode::Eval, Mode::Train, Mode::Train, Mode::Eval] {
            let y = norm.normalise(&zero.var(), mode);
            assert_eq!(y.value().data(), [0.0; 4]);
            assert_eq!(y.gradients(&[&zero.var()])[0].data(), [1.0; 4]);
        }
        let w = weight(&[2, 2], &[3.0, 0.0, 0.0, 0.0]);
        assert!((norm.normalise(&w.var(), Mode::Train).value().data()[0] - 1.0).abs() < 1e-12);
    }

    #[test]
    #[should_panic(expected = "SpectralNorm: a kernel of 2 groups, need one matrix")]
    fn a_grouped_kernel_is_rejected() {
        let conv = crate::layers::Conv2d::<f32>::new(4, 4, [3, 3], Spec { groups: 2, ..Spec::new(1, 1) });
        SpectralNorm::of_kernel(&conv.weight, conv.spec());
    }
}
