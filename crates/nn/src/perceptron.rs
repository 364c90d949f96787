//! Multilayer perceptrons: fully connected layers with leaky relu between them. The first GANs were
//! multilayer perceptrons (Goodfellow et al. 2014, section 5).

use crate::layers::{BatchNorm1d, Dropout, LEAKY_SLOPE, Linear, Norm, SpectralNorm};
use crate::plan::{LayerPlan, NetworkPlan};
use crate::{Activation, Element, Mode, Stream, Var, module};

/// Activation of hidden layers.
const LEAKY: Activation = Activation::LeakyRelu(LEAKY_SLOPE);

/// A hidden layer: x -> leaky_relu(norm(W x + b)).
struct Dense<E: Element> {
    linear: Linear<E>,
    spectral: Option<SpectralNorm<E>>,
    norm: Option<BatchNorm1d<E>>,
}
module!(Dense { linear, spectral, norm });

/// Hidden layers followed by a linear output layer.
pub struct Perceptron<E: Element> {
    hidden: Vec<Dense<E>>,
    out: Linear<E>,
    spectral: Option<SpectralNorm<E>>,
    dropout: Dropout,
}
module!(Perceptron { hidden, out, spectral });

/// Plans a perceptron with `inputs` inputs, hidden layers of sizes `hidden` and `outputs` outputs.
/// `norm` applies to the hidden layers; spectral normalisation applies to the last layer too. `end`
/// is appended to the name of the last layer.
pub fn plan(inputs: usize, hidden: &[usize], outputs: usize, norm: Norm, end: &str) -> NetworkPlan {
    NetworkPlan::dense(inputs, hidden, outputs, norm, [&format!(", {}leaky relu", norm.in_layer_name()), end])
}

impl<E: Element> Perceptron<E> {
    /// Creates the perceptron of a plan; its weights are not initialised. Dropout follows each
    /// hidden layer.
    pub fn new(plan: &NetworkPlan, dropout: Dropout) -> Self {
        let dense = |plan: &LayerPlan| {
            let linear = plan.linear();
            let norm = plan.batch_norm().map(BatchNorm1d::new);
            Dense { spectral: plan.spectral_of_linear(&linear), linear, norm }
        };
        let out = plan.last.linear();
        let spectral = plan.last.spectral_of_linear(&out);
        Perceptron { hidden: plan.blocks.iter().map(dense).collect(), out, spectral, dropout }
    }

    /// `[N, inputs]` to `[N, outputs]`. Dropout draws its masks from `masks`.
    ///
    /// # Panics
    /// If x does not have `inputs` columns.
    #[track_caller]
    pub fn forward(&mut self, x: &Var<E>, mode: Mode, masks: &mut Stream) -> Var<E> {
        let mut h = x.clone();
        for Dense { linear, spectral, norm } in &mut self.hidden {
            h = linear.forward_with(&h, &SpectralNorm::apply(spectral, &linear.weight, mode));
            h = match norm {
                Some(norm) => norm.forward_activated(&h, mode, LEAKY),
                None => h.activated(LEAKY),
            };
            h = self.dropout.forward(&h, mode, masks);
        }
        let weight = SpectralNorm::apply(&mut self.spectral, &self.out.weight, mode);
        self.out.forward_with(&h, &weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::parameters;
    use crate::{Module, Scheme, Tensor};

    #[test]
    fn the_layers_are_those_that_are_counted() {
        for norm in [Norm::None, Norm::Batch, Norm::Spectral] {
            let layers = plan(5, &[4, 3], 2, norm, "");
            let net = Perceptron::<f32>::new(&layers, Dropout::default());
            assert_eq!(parameters(&layers.costs()), net.num_parameters() as u64);
            assert_eq!(net.parameters()[0].0, "hidden.0.linear.weight");
        }
        let layers = plan(5, &[], 2, Norm::Batch, "");
        assert_eq!(Perceptron::<f32>::new(&layers, Dropout::default()).num_parameters(), 12);
    }

    #[test]
    fn hidden_layers_are_leaky_and_dropped_in_training() {
        let mut net = Perceptron::<f64>::new(&plan(1, &[1], 1, Norm::None, ""), Dropout::new(0.5));
        let mut weights = [("hidden.0.linear.weight", [1, 1], -2.0), ("out.weight", [1, 1], 3.0)]
            .map(|(name, shape, value)| (name.to_owned(), Tensor::full(shape, value)))
            .to_vec();
        weights.insert(1, ("hidden.0.linear.bias".into(), Tensor::full([1], 1.0)));
        weights.push(("out.bias".into(), Tensor::full([1], 0.5)));
        net.load_state(&weights).unwrap();
        let x = Var::constant(Tensor::full([64, 1], 3.0));
        let mut at = |mode| net.forward(&x, mode, &mut Stream::new(1, "masks", 0)).into_value();
        // -2 * 3 + 1 = -5; leaky relu gives -1; the output is -1 * 3 + 1/2.
        assert!(at(Mode::Eval).data().iter().all(|y| (y + 2.5).abs() < 1e-12));
        // If the hidden unit is dropped, the output is 1/2. Otherwise the unit is doubled.
        let y = at(Mode::Train);
        let count = |want: f64| y.data().iter().filter(|&&y| (y - want).abs() < 1e-12).count();
        assert!(count(0.5) > 10 && count(-5.5) > 10 && count(0.5) + count(-5.5) == 64);
    }

    /// Each weight has a spectral norm of 1 and leaky relu has slopes up to 1, so the network is
    /// 1-Lipschitz.
    #[test]
    fn spectral_norms_make_it_a_contraction() {
        let mut net = Perceptron::<f64>::new(&plan(3, &[6, 5], 1, Norm::Spectral, ""), Dropout::default());
        Scheme::with_weights(crate::Init::Normal { mean: 0.0, std: 3.0 }).apply(&mut net, "net", 1);
        let mut masks = Stream::new(1, "masks", 0);
        let x = Stream::new(1, "x", 0).normal_tensor::<f64>([200, 3], 0.0, 2.0);
        (0..100).for_each(|_| _ = net.forward(&Var::constant(x.clone()), Mode::Train, &mut masks));
        let y = net.forward(&Var::constant(x.clone()), Mode::Eval, &mut masks).into_value();
        let mut steepest = 0.0f64;
        for i in 1..200 {
            let [a, b] = [i - 1, i].map(|i| &x.data()[3 * i..3 * i + 3]);
            let far = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
            steepest = steepest.max((y.data()[i] - y.data()[i - 1]).abs() / far);
        }
        assert!(steepest <= 1.0 + 1e-9 && steepest > 0.01, "{steepest}");
    }
}
