use super::Mode;
use crate::{Element, Param, Tensor, Var, module, no_grad};

/// Spectral normalisation (Miyato et al. 2018): a weight W divided by an estimate of its largest singular value,
///
/// > W / sigma,   sigma = u^T W v
///
/// so that a fully connected layer stretches no difference of inputs by more than about 1. W is taken as a matrix with a row an output
/// (section 2.1), a kernel too: there the bound is on each window, and a pixel that lies in m windows counts m times, so that the layer
/// may stretch by sqrt(m), 2 for 4x4 windows two pixels apart. u and v approach its first singular vectors by one step of power iteration (eq. 18-20) in each forward pass of training;
/// they count as constants in the gradient, which flows through both W and sigma (eq. 12).
pub struct SpectralNorm<E: Element> {
    /// `[outputs, 1]`
    u: Tensor<E>,
    /// `[inputs, 1]`
    v: Tensor<E>,
    /// Where W keeps its outputs: in the rows, or in the columns of all other axes together (HWIO).
    outputs_first: bool,
}
module!(SpectralNorm { u, v });

impl<E: Element> SpectralNorm<E> {
    /// Of a matrix `[outputs, inputs]`.
    ///
    /// # Panics
    /// If it is no matrix.
    #[track_caller]
    pub fn of_matrix(weight: &Param<E>) -> Self {
        let [outputs, inputs] = weight.shape().matrix();
        SpectralNorm { u: unit(outputs), v: unit(inputs), outputs_first: true }
    }

    /// Of a convolution kernel HWIO without groups.
    ///
    /// # Panics
    /// If it does not have four axes.
    #[track_caller]
    pub fn of_kernel(weight: &Param<E>) -> Self {
        let [h, w, inputs, outputs] = weight.shape().nhwc();
        SpectralNorm { u: unit(outputs), v: unit(h * w * inputs), outputs_first: false }
    }

    /// W / sigma, or W itself where there is no norm.
    pub fn apply(norm: &mut Option<Self>, weight: &Param<E>, mode: Mode) -> Var<E> {
        match norm {
            Some(norm) => norm.normalise(&weight.var(), mode),
            None => weight.var(),
        }
    }

    /// W / sigma.
    ///
    /// # Panics
    /// If W has another shape than the one this was made for.
    #[track_caller]
    pub fn normalise(&mut self, weight: &Var<E>, mode: Mode) -> Var<E> {
        let (outputs, inputs) = (self.u.len(), self.v.len());
        let first = self.outputs_first;
        let matrix = weight.reshape(if first { [outputs, inputs] } else { [inputs, outputs] });
        if mode == Mode::Train {
            let w = matrix.detach();
            no_grad(|| {
                let v = w.matmul_flags(first, &Var::constant(self.u.clone()), false);
                self.v = normalised(v.value());
                let u = w.matmul_flags(!first, &Var::constant(self.v.clone()), false);
                self.u = normalised(u.value());
            });
        }
        let [u, v] = [&self.u, &self.v].map(|x| Var::constant(x.clone()));
        let sigma = matrix.matmul_flags(!first, &v, false).matmul_flags(true, &u, false);
        weight / sigma.reshape([1])
    }
}

/// A vector of length 1 with equal numbers.
fn unit<E: Element>(n: usize) -> Tensor<E> {
    Tensor::full([n, 1], E::of((n as f64).sqrt().recip()))
}

fn normalised<E: Element>(x: &Tensor<E>) -> Tensor<E> {
    // A weight of zeros has no direction; it must give no NaN.
    let factor = E::of(x.sum_of_squares().sqrt().max(1e-12).recip());
    x.map(move |x| factor * x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Module;
    use crate::param::{Fans, Role};
    use adjoint_autodiff::gradcheck;

    fn weight(shape: &[usize], values: &[f64]) -> Param<f64> {
        let mut p = Param::new(crate::Shape::new(shape), Role::Weight(Fans { fan_in: 1.0, fan_out: 1.0 }));
        p.load_state(&[(String::new(), Tensor::from_slice(crate::Shape::new(shape), values))]).unwrap();
        p
    }

    /// Singular values 3 and 1, whichever way the outputs lie.
    #[test]
    fn divides_by_the_largest_singular_value() {
        let w = weight(&[2, 2], &[2.0, 1.0, 1.0, 2.0]);
        let kernel = weight(&[1, 2, 1, 2], &[2.0, 1.0, 1.0, 2.0]);
        for (mut norm, w) in [(SpectralNorm::of_matrix(&w), &w), (SpectralNorm::of_kernel(&kernel), &kernel)]
        {
            // Off the first singular vector, to see the iteration find it.
            norm.u = Tensor::from_slice([2, 1], &[1.0, 0.0]);
            let mut y = w.var();
            (0..30).for_each(|_| y = norm.normalise(&w.var(), Mode::Train));
            let want = w.value().map(|x| x / 3.0);
            assert!(y.value().data().iter().zip(want.data()).all(|(y, w)| (y - w).abs() < 1e-12));
            let state = norm.state();
            norm.normalise(&w.var(), Mode::Eval);
            assert!(norm.state().iter().zip(&state).all(|((_, a), (_, b))| a.data() == b.data()));
        }
    }

    /// A kernel of one pixel is a matrix with its outputs in the columns.
    #[test]
    fn a_kernel_is_the_transposed_matrix() {
        let values: Vec<f64> = (0..6).map(|i| f64::from(i * i) - 4.0).collect();
        let transposed: Vec<f64> = (0..6).map(|i| values[i % 2 * 3 + i / 2]).collect();
        let (w, kernel) = (weight(&[2, 3], &values), weight(&[1, 1, 3, 2], &transposed));
        let (mut a, mut b) = (SpectralNorm::of_matrix(&w), SpectralNorm::of_kernel(&kernel));
        let (x, y) = (a.normalise(&w.var(), Mode::Train), b.normalise(&kernel.var(), Mode::Train));
        for i in 0..6 {
            assert!((x.value().data()[i] - y.value().data()[i % 3 * 2 + i / 3]).abs() < 1e-14);
        }
    }

    #[test]
    fn gradients_flow_through_sigma() {
        gradcheck::assert_cases("spectral norm", 20, |s| {
            let w: Tensor<f64> = s.normal_tensor([3, 4], 0.0, 1.0);
            // Near the first singular vectors: elsewhere sigma may be next to nothing.
            let mut near =
                SpectralNorm { u: s.normal_tensor([3, 1], 0.0, 1.0), v: unit(4), outputs_first: true };
            (0..3).for_each(|_| _ = near.normalise(&Var::constant(w.clone()), Mode::Train));
            let SpectralNorm { u, v, .. } = near;
            (vec![w], move |w: &[Var<f64>]| {
                let mut norm = SpectralNorm { u: u.clone(), v: v.clone(), outputs_first: true };
                norm.normalise(&w[0], Mode::Eval).square().sum()
            })
        });
    }

    #[test]
    fn a_weight_of_zeros_gives_no_nan_in_the_iteration() {
        let w = weight(&[2, 2], &[0.0; 4]);
        let mut norm = SpectralNorm::of_matrix(&w);
        norm.normalise(&w.var(), Mode::Train);
        assert!(norm.state().iter().all(|(_, t)| t.data().iter().all(|x| x.is_finite())));
    }
}
