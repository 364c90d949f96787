//! Random initialisation of parameters.
//!
//! A [`Scheme`] assigns an [`Init`] distribution to each [`Role`] of a parameter. [`Scheme::apply`]
//! draws each parameter of a model from a random stream that depends on the parameter's name. So
//! adding a layer to a model does not change the initial values of other layers, and the order of
//! construction does not matter.

use crate::param::{Fans, Role};
use crate::{Module, SlotMut};
use adjoint_tensor::{Element, Shape, Stream, Tensor};

/// A distribution of initial values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All elements have this value.
    Constant(f64),
    /// N(mean, std^2).
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        std: f64,
    },
    /// Uniform on [low, high).
    Uniform {
        /// Inclusive lower bound.
        low: f64,
        /// Exclusive upper bound.
        high: f64,
    },
    /// Variance 2 / (fan_in + fan_out), uniform (Glorot & Bengio 2010, eq. 16).
    XavierUniform,
    /// Variance 2 / (fan_in + fan_out), normal (Glorot & Bengio 2010, eq. 12).
    XavierNormal,
    /// Variance gain^2 / fan_in, uniform (He et al. 2015, eq. 10, with gain = sqrt(2) for relu).
    KaimingUniform {
        /// The factor for the activation after the layer: [`leaky_relu_gain`] for leaky relu,
        /// sqrt(2) for relu, or 1 without an activation.
        gain: f64,
    },
    /// Variance gain^2 / fan_in, normal.
    KaimingNormal {
        /// The factor for the activation after the layer, as in [`Init::KaimingUniform`].
        gain: f64,
    },
}

/// Returns the gain for leaky relu, sqrt(2 / (1 + slope^2)) (He et al. 2015, eq. 15).
pub fn leaky_relu_gain(slope: f64) -> f64 {
    (2.0 / (1.0 + slope * slope)).sqrt()
}

const NO_FANS: &str = "of a parameter that has no fans";

impl Init {
    /// Draws a tensor from this distribution.
    ///
    /// # Panics
    /// If the distribution depends on fans and `fans` is `None`.
    #[track_caller]
    pub fn draw<E: Element>(
        self,
        shape: impl Into<Shape>,
        fans: Option<Fans>,
        stream: &mut Stream,
    ) -> Tensor<E> {
        let Some(drawn) = self.try_draw(shape.into(), fans, stream) else { panic!("{self:?} {NO_FANS}") };
        drawn
    }

    /// Returns `None` if the distribution depends on fans and `fans` is `None`.
    fn try_draw<E: Element>(
        self,
        shape: Shape,
        fans: Option<Fans>,
        stream: &mut Stream,
    ) -> Option<Tensor<E>> {
        let xavier = |fans: Fans| (2.0 / (fans.fan_in + fans.fan_out)).sqrt();
        let kaiming = |gain: f64, fans: Fans| gain / fans.fan_in.sqrt();
        // The uniform distribution on [-b, b) has the standard deviation b / sqrt(3).
        let bound = |std: f64| 3f64.sqrt() * std;
        Some(match (self, fans) {
            (Init::Constant(value), _) => Tensor::full(shape, E::of(value)),
            (Init::Normal { mean, std }, _) => stream.normal_tensor(shape, mean, std),
            (Init::Uniform { low, high }, _) => stream.uniform_tensor(shape, low, high),
            (Init::XavierNormal, Some(f)) => stream.normal_tensor(shape, 0.0, xavier(f)),
            (Init::XavierUniform, Some(f)) => {
                let b = bound(xavier(f));
                stream.uniform_tensor(shape, -b, b)
            }
            (Init::KaimingNormal { gain }, Some(f)) => stream.normal_tensor(shape, 0.0, kaiming(gain, f)),
            (Init::KaimingUniform { gain }, Some(f)) => {
                let b = bound(kaiming(gain, f));
                stream.uniform_tensor(shape, -b, b)
            }
            (_, None) => return None,
        })
    }
}

/// The distribution from which the parameters of each [`Role`] are drawn.
///
/// ```
/// use adjoint_nn::{Init, Scheme};
/// let scheme = Scheme { bias: Init::Constant(0.1), ..Scheme::with_weights(Init::XavierUniform) };
/// # let _ = scheme;
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scheme {
    /// Matrices and convolution kernels.
    pub weight: Init,
    /// Biases that are added to the outputs of weights.
    pub bias: Init,
    /// gamma of normalisations.
    pub scale: Init,
    /// beta of normalisations.
    pub shift: Init,
    /// Rows of embeddings.
    pub table: Init,
}

impl Scheme {
    /// Returns the scheme that draws weights from `weight` and embeddings from N(0, 1). It sets
    /// biases and shifts to 0 and scales to 1.
    pub const fn with_weights(weight: Init) -> Self {
        Scheme {
            weight,
            bias: Init::Constant(0.0),
            scale: Init::Constant(1.0),
            shift: Init::Constant(0.0),
            table: Init::Normal { mean: 0.0, std: 1.0 },
        }
    }

    /// Returns the default initialisation of PyTorch's layers: weights and biases are uniform
    /// between -b and b, where b = 1 / sqrt(fan_in).
    pub fn pytorch() -> Self {
        let uniform = Init::KaimingUniform { gain: (1.0 / 3.0f64).sqrt() };
        Scheme { bias: uniform, ..Scheme::with_weights(uniform) }
    }

    /// Returns the scheme of DCGAN: all weights are N(0, 0.02^2) (Radford et al. 2015, section 4).
    /// As in the authors' code, scales of batch norm are N(1, 0.02^2).
    pub const fn dcgan() -> Self {
        let weight = Init::Normal { mean: 0.0, std: 0.02 };
        Scheme { scale: Init::Normal { mean: 1.0, std: 0.02 }, table: weight, ..Scheme::with_weights(weight) }
    }

    /// Draws every parameter and every [`Direction`](crate::Direction) of `model`. Other buffers
    /// are not changed. Each is drawn from the random stream (`seed`, "init/`path`.`name`", 0),
    /// where `name` is its name in the model. Two models of one program need different values of
    /// `path`. Otherwise parameters with the same name get the same values in both models.
    ///
    /// # Panics
    /// If a distribution depends on fans and its parameter has no fans.
    #[track_caller]
    pub fn apply<E: Element>(&self, model: &mut dyn Module<E>, path: &str, seed: u64) {
        let mut without_fans = None;
        model.visit_mut(path, &mut |name, slot| {
            let mut stream = Stream::new(seed, &format!("init/{name}"), 0);
            let param = match slot {
                SlotMut::Param(param) => param,
                SlotMut::Direction(direction) => return direction.draw(&mut stream),
                SlotMut::Buffer(_) => return,
            };
            let (init, fans) = match param.role() {
                Role::Weight(fans) => (self.weight, Some(fans)),
                Role::Bias(fans) => (self.bias, Some(fans)),
                Role::Scale => (self.scale, None),
                Role::Shift => (self.shift, None),
                Role::Table => (self.table, None),
            };
            match init.try_draw(param.shape(), fans, &mut stream) {
                Some(drawn) => *param.value_mut() = drawn,
                None => without_fans = Some(init),
            }
        });
        if let Some(init) = without_fans {
            panic!("{init:?} {NO_FANS}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{BatchNorm2d, Conv2d, ConvTranspose2d, Linear, Spec};
    use crate::{Var, module};

    fn mean_and_std(t: &Tensor<f64>) -> (f64, f64) {
        let n = t.len() as f64;
        let mean = t.data().iter().sum::<f64>() / n;
        (mean, (t.data().iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
    }

    /// The mean and the standard deviation of 40,000 draws are within five standard errors of the
    /// formulas. For the standard deviation, the test uses the standard error of normal draws,
    /// which is the largest.
    #[test]
    fn moments_are_the_formulas() {
        let fans = Some(Fans { fan_in: 50.0, fan_out: 150.0 });
        let cases = [
            (Init::Constant(3.0), 3.0, 0.0),
            (Init::Normal { mean: 1.0, std: 0.02 }, 1.0, 0.02),
            (Init::Uniform { low: -1.0, high: 3.0 }, 1.0, 4.0 / 12f64.sqrt()),
            (Init::XavierUniform, 0.0, 0.1),
            (Init::XavierNormal, 0.0, 0.1),
            (Init::KaimingUniform { gain: leaky_relu_gain(0.0) }, 0.0, 0.2),
            (Init::KaimingNormal { gain: leaky_relu_gain(0.0) }, 0.0, 0.2),
            (Init::KaimingNormal { gain: leaky_relu_gain(1.0) }, 0.0, 1.0 / 50f64.sqrt()),
        ];
        for (init, want_mean, want_std) in cases {
            let t = init.draw([200, 200], fans, &mut Stream::new(1, "init", 0));
            let (mean, std) = mean_and_std(&t);
            assert!((mean - want_mean).abs() <= 5.0 * want_std / 200.0, "{init:?}: mean {mean}");
            assert!((std - want_std).abs() <= 5.0 * want_std / 280.0, "{init:?}: deviation {std}");
            let bound = 3f64.sqrt() * want_std;
            if matches!(init, Init::XavierUniform | Init::KaimingUniform { .. }) {
                assert!(t.data().iter().all(|x| x.abs() <= bound), "{init:?}: a value is out of range");
            }
        }
    }

    /// With gain 1, every layer maps inputs of variance 1 to outputs of variance 1.
    #[test]
    fn fans_keep_the_variance_of_signals() {
        let scheme = Scheme::with_weights(Init::KaimingNormal { gain: 1.0 });
        let groups = Spec { groups: 4, ..Spec::new(1, 0) };
        let mut linear = Linear::<f64>::new(300, 200);
        let mut conv = Conv2d::<f64>::new(32, 64, [3, 3], groups);
        let mut transposed =
            ConvTranspose2d::<f64>::new(32, 48, [4, 4], Spec { groups: 4, ..Spec::new(2, 0) });
        scheme.apply(&mut linear, "linear", 1);
        scheme.apply(&mut conv, "conv", 1);
        scheme.apply(&mut transposed, "transposed", 1);
        let noise = |shape: &[usize]| {
            Var::constant(Stream::new(2, "noise", 0).normal_tensor::<f64>(Shape::new(shape), 0.0, 1.0))
        };
        // Without the border, where an output of a transposed convolution depends on fewer inputs.
        let inside = transposed.forward(&noise(&[2, 20, 20, 32])).narrow(1, 4, 32).narrow(2, 4, 32);
        for (layer, y) in [
            ("linear", linear.forward(&noise(&[100, 300]))),
            ("conv", conv.forward(&noise(&[2, 20, 20, 32]))),
            ("transposed", inside),
        ] {
            let (_, std) = mean_and_std(y.value());
            assert!((std - 1.0).abs() < 0.03, "{layer}: deviation {std}");
        }
    }

    struct Pair<E: Element> {
        conv: Conv2d<E>,
        norm: BatchNorm2d<E>,
    }
    module!(Pair { conv, norm });

    #[test]
    fn each_parameter_is_drawn_by_its_own_name() {
        let draw = |seed, path: &str| {
            let mut pair =
                Pair { conv: Conv2d::new(3, 8, [4, 4], Spec::new(2, 1)), norm: BatchNorm2d::new(8) };
            Scheme::dcgan().apply(&mut pair, path, seed);
            pair.state().into_iter().map(|(_, t)| t.data().to_vec()).collect::<Vec<Vec<f64>>>()
        };
        let first = draw(5, "d");
        assert_eq!(first, draw(5, "d"));
        assert!(first[0] != draw(6, "d")[0] && first[0] != draw(5, "g")[0]);
        let mut conv = Conv2d::<f64>::new(3, 8, [4, 4], Spec::new(2, 1));
        Scheme::dcgan().apply(&mut conv, "d.conv", 5);
        assert_eq!(
            conv.weight.value().data(),
            first[0],
            "the values depend only on the name, not on the rest of the model"
        );
        // Biases and shifts are 0, scales are close to 1, and buffers are not changed.
        assert!(first[1] == [0.0; 8] && first[3] == [0.0; 8] && first[4] == [0.0; 8] && first[5] == [1.0; 8]);
        assert!(first[2].iter().all(|g| (g - 1.0).abs() < 0.1 && *g != 1.0));
    }

    #[test]
    fn pytorchs_default_is_bounded_by_the_fan_in() {
        let mut linear = Linear::<f64>::new(100, 50);
        Scheme::pytorch().apply(&mut linear, "l", 0);
        for (name, p) in linear.parameters() {
            let largest = p.value().data().iter().fold(0.0f64, |m, x| m.max(x.abs()));
            assert!(largest < 0.1 && largest > 0.08, "{name}: {largest}");
        }
    }

    #[test]
    #[should_panic(expected = "XavierNormal of a parameter that has no fans")]
    fn scales_have_no_fans() {
        let mut norm = BatchNorm2d::<f32>::new(2);
        Scheme { scale: Init::XavierNormal, ..Scheme::pytorch() }.apply(&mut norm, "norm", 0);
    }
}
