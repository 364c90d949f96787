//! The generator and the discriminator.

use adjoint_adversarial::{self as adversarial, Game, Settings};
use adjoint_nn::layers::{
    Conv2d, ConvTranspose2d, Dropout, Embedding, Flatten, LEAKY_SLOPE, Norm, SpectralNorm,
};
use adjoint_nn::perceptron::Perceptron;
use adjoint_nn::pyramid::{self, Down, Level, Up, with_planes};
use adjoint_nn::{Element, Init, Mode, Scheme, Stream, Var, init, module};

/// Sizes of the two networks.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// Height and width of an image in pixels.
    pub image_size: usize,
    /// 1 for grey, 3 for colour.
    pub channels: usize,
    /// Numbers in z.
    pub latent: usize,
    /// What both are told.
    pub condition: Condition,
    /// What lies between their inputs and outputs.
    pub body: Body,
    /// What keeps D's layers in bounds; batch norm is left out of the layer that sees the image.
    pub d_norm: Norm,
    /// Dropout behind each hidden layer of D.
    pub d_dropout: Dropout,
}

/// What both networks are told of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Its class, as a one-hot row of so many numbers.
    OneHot(usize),
    /// Its class, given as such a row, by a learned vector of as many numbers. Each network learns its own.
    Embedding(usize),
    /// An image of its size and channels.
    Image,
}

impl Condition {
    /// Numbers that join each sample's input; none for an image, which joins as channels.
    pub fn numbers(self) -> usize {
        match self {
            Condition::OneHot(classes) | Condition::Embedding(classes) => classes,
            Condition::Image => 0,
        }
    }

    fn embedding<E: Element>(self) -> Option<Embedding<E>> {
        match self {
            Condition::Embedding(classes) => Some(Embedding::new(classes, classes)),
            _ => None,
        }
    }
}

/// The layers between inputs and outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Multilayer perceptrons, for classes alone.
    Mlp {
        /// Units of G's hidden layers, from the noise on.
        g_hidden: Vec<usize>,
        /// Units of D's, from the image on.
        d_hidden: Vec<usize>,
    },
    /// The image pyramid of the DCGAN.
    Conv {
        /// Channels next to the image; they double at every halving.
        width: usize,
    },
}

impl Architecture {
    /// The image as a level.
    pub(crate) fn image(&self) -> Level {
        Level { size: self.image_size, channels: self.channels }
    }

    /// What D's first layer sees: a conditioning image lies behind the channels of the one in question.
    pub(crate) fn seen_by_d(&self) -> Level {
        let beside = if self.condition == Condition::Image { self.channels } else { 0 };
        self.image().and(beside)
    }

    /// The norm of D's layer below a level of this size.
    pub(crate) fn d_norm_from(&self, from: Level) -> Norm {
        let first = from.size == self.image_size;
        if first && self.d_norm == Norm::Batch { Norm::None } else { self.d_norm }
    }
}

/// The conditional GAN: a game of its two networks.
pub type Cgan<E> = Game<E, Generator<E>, Discriminator<E>>;

/// A conditional GAN with its first weights, drawn from streams of `seed`: those of convolutions as in the DCGAN, those of perceptrons
/// so that signals keep their size (He et al. 2015).
///
/// # Panics
/// If the images are too small for a pyramid, or perceptrons are told an image.
#[track_caller]
pub fn cgan<E: Element>(architecture: &Architecture, settings: Settings, seed: u64) -> Cgan<E> {
    let (mut generator, mut discriminator) = (Generator::new(architecture), Discriminator::new(architecture));
    let scheme = match architecture.body {
        Body::Mlp { .. } => {
            Scheme::with_weights(Init::KaimingNormal { gain: init::leaky_relu_gain(LEAKY_SLOPE) })
        }
        Body::Conv { .. } => Scheme::dcgan(),
    };
    scheme.apply(&mut generator, "generator", seed);
    scheme.apply(&mut discriminator, "discriminator", seed);
    Game::new(generator, discriminator, settings, seed)
}

/// G: z and y -> image.
pub enum Generator<E: Element> {
    /// A perceptron, told a class.
    Mlp {
        /// y as a learned vector.
        embedding: Option<Embedding<E>>,
        /// All layers.
        net: Perceptron<E>,
        /// (height, width, channels) of an image.
        shape: [usize; 3],
    },
    /// A pyramid up, told a class.
    Classes {
        /// y as a learned vector.
        embedding: Option<Embedding<E>>,
        /// The projection of z and y, and doublings.
        up: Vec<Up<E>>,
        /// The last doubling, to the image's channels.
        image: ConvTranspose2d<E>,
    },
    /// A pyramid down and up again, from an image to an image.
    Images {
        /// Halvings of the conditioning image.
        down: Vec<Down<E>>,
        /// Doublings.
        up: Vec<Up<E>>,
        /// The last doubling, to the image's channels.
        image: ConvTranspose2d<E>,
    },
}
module!(enum Generator { Mlp { embedding, net }, Classes { embedding, up, image }, Images { down, up, image } });

impl<E: Element> Generator<E> {
    /// A generator without weights.
    ///
    /// # Panics
    /// As [`cgan`].
    #[track_caller]
    pub fn new(a: &Architecture) -> Self {
        let (y, embedding) = (a.condition.numbers(), a.condition.embedding());
        match &a.body {
            Body::Mlp { g_hidden, .. } => {
                assert!(a.condition != Condition::Image, "perceptrons are told classes, not images");
                let (numbers, dropout) = (a.image().numbers(), Dropout::default());
                let net = Perceptron::new(a.latent + y, g_hidden, numbers, Norm::None, dropout);
                Generator::Mlp { embedding, net, shape: [a.image_size, a.image_size, a.channels] }
            }
            Body::Conv { width } if a.condition == Condition::Image => {
                let levels = a.image().below(*width);
                let mut from = a.image();
                let down =
                    levels.iter().map(|&to| Down::halve(std::mem::replace(&mut from, to), to, Norm::Batch));
                let down = down.collect();
                // From the deepest level, beside which z lies; each other lies beside its like on the way down.
                let mut beside = a.latent;
                let double = |pair: &[Level]| {
                    Up::double(pair[1].and(std::mem::replace(&mut beside, pair[0].channels)), pair[0])
                };
                let up = levels.windows(2).rev().map(double).collect();
                let image = pyramid::double(levels[0].and(beside), a.image()).without_bias();
                Generator::Images { down, up, image }
            }
            Body::Conv { width } => {
                let levels = a.image().below(*width);
                let mut up = vec![Up::project(a.latent + y, levels[levels.len() - 1])];
                up.extend(levels.windows(2).rev().map(|pair| Up::double(pair[1].and(y), pair[0])));
                let image = pyramid::double(levels[0].and(y), a.image()).without_bias();
                Generator::Classes { embedding, up, image }
            }
        }
    }

    /// Images (N, H, W, C) in \[-1, 1\] from z (N, latent) and the condition y: one-hot rows
    /// (N, classes), or images (N, H, W, C).
    ///
    /// # Panics
    /// If shapes are not those of the architecture.
    #[track_caller]
    pub fn forward(&mut self, z: &Var<E>, y: &Var<E>, mode: Mode) -> Var<E> {
        let n = z.dims()[0];
        match self {
            Generator::Mlp { embedding, net, shape: [height, width, channels] } => {
                let h = Var::concat(&[z, &embedded(embedding.as_ref(), y)], 1);
                let h = net.forward(&h, mode, &mut Stream::new(0, "G drops nothing", 0));
                h.reshape([n, *height, *width, *channels]).tanh()
            }
            Generator::Classes { embedding, up, image } => {
                let y = embedded(embedding.as_ref(), y);
                let mut h = Var::concat(&[z, &y], 1);
                h = h.reshape([n, 1, 1, h.dims()[1]]);
                for (i, layer) in up.iter_mut().enumerate() {
                    // The input of the first layer has the condition already.
                    h = layer.forward(&if i == 0 { h } else { with_planes(&h, &y) }, mode);
                }
                image.forward(&with_planes(&h, &y)).tanh()
            }
            Generator::Images { down, up, image } => {
                let mut levels = vec![y.clone()];
                for layer in down {
                    levels.push(layer.forward(&levels[levels.len() - 1], mode));
                }
                let mut h = with_planes(&levels[levels.len() - 1], z);
                for (layer, level) in up.iter_mut().zip(levels.iter().rev().skip(1)) {
                    h = Var::concat(&[&layer.forward(&h, mode), level], 3);
                }
                image.forward(&h).tanh()
            }
        }
    }
}

impl<E: Element> adversarial::Generator<E> for Generator<E> {
    fn generate(&mut self, z: &Var<E>, condition: Option<&Var<E>>, mode: Mode) -> Var<E> {
        self.forward(z, condition.expect("a conditional model needs a condition"), mode)
    }
}

/// D: image and y -> logit of "real, and of this y".
pub enum Discriminator<E: Element> {
    /// A perceptron.
    Mlp {
        /// y as a learned vector.
        embedding: Option<Embedding<E>>,
        /// All layers.
        net: Perceptron<E>,
    },
    /// A pyramid down.
    Conv {
        /// y as a learned vector.
        embedding: Option<Embedding<E>>,
        /// One layer per halving.
        down: Vec<Down<E>>,
        /// From the last level to one number.
        logit: Conv2d<E>,
        /// Of the weight of `logit`.
        spectral: Option<SpectralNorm<E>>,
        /// Follows each halving.
        dropout: Dropout,
    },
}
module!(enum Discriminator { Mlp { embedding, net }, Conv { embedding, down, logit, spectral } });

impl<E: Element> Discriminator<E> {
    /// A discriminator without weights.
    ///
    /// # Panics
    /// As [`cgan`].
    #[track_caller]
    pub fn new(a: &Architecture) -> Self {
        let (y, embedding, dropout) = (a.condition.numbers(), a.condition.embedding(), a.d_dropout);
        match &a.body {
            Body::Mlp { d_hidden, .. } => {
                let net = Perceptron::new(a.image().numbers() + y, d_hidden, 1, a.d_norm, dropout);
                Discriminator::Mlp { embedding, net }
            }
            Body::Conv { width } => {
                let mut from = a.seen_by_d();
                let mut down = vec![];
                for to in a.image().below(*width) {
                    down.push(Down::halve(from.and(y), to, a.d_norm_from(from)));
                    from = to;
                }
                let logit = pyramid::whole(from.and(y), 1).without_bias();
                let spectral = (a.d_norm == Norm::Spectral)
                    .then(|| SpectralNorm::of_kernel(&logit.weight, logit.spec()));
                Discriminator::Conv { embedding, down, logit, spectral, dropout }
            }
        }
    }

    /// One logit an image, (N), from images (N, H, W, C) and the condition y, as for G. D(x|y) is
    /// its sigmoid. The masks of dropout are drawn from `masks`.
    ///
    /// # Panics
    /// If shapes are not those of the architecture.
    #[track_caller]
    pub fn forward(&mut self, x: &Var<E>, y: &Var<E>, mode: Mode, masks: &mut Stream) -> Var<E> {
        let n = x.dims()[0];
        match self {
            Discriminator::Mlp { embedding, net } => {
                let y = embedded(embedding.as_ref(), y);
                net.forward(&Var::concat(&[&Flatten.forward(x), &y], 1), mode, masks).reshape([n])
            }
            Discriminator::Conv { embedding, down, logit, spectral, dropout } => {
                let y = embedded(embedding.as_ref(), y);
                let is_image = y.shape().rank() == 4;
                let beside = |h: &Var<E>| if is_image { h.clone() } else { with_planes(h, &y) };
                let mut h = if is_image { Var::concat(&[x, &y], 3) } else { x.clone() };
                for layer in down {
                    h = dropout.forward(&layer.forward(&beside(&h), mode), mode, masks);
                }
                let weight = SpectralNorm::apply(spectral, &logit.weight, mode);
                logit.forward_with(&beside(&h), &weight).reshape([n])
            }
        }
    }
}

impl<E: Element> adversarial::Discriminator<E> for Discriminator<E> {
    fn judge(&mut self, x: &Var<E>, condition: Option<&Var<E>>, mode: Mode, masks: &mut Stream) -> Var<E> {
        self.forward(x, condition.expect("a conditional model needs a condition"), mode, masks)
    }
}

/// One-hot rows as learned vectors, if there are any.
fn embedded<E: Element>(embedding: Option<&Embedding<E>>, y: &Var<E>) -> Var<E> {
    embedding.map_or_else(|| y.clone(), |embedding| embedding.mix(y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_adversarial::{Penalty, Round};
    use adjoint_nn::objective::AdversarialLoss;
    use adjoint_nn::{Module, SlotMut, Tensor, gradcheck};

    fn small(condition: Condition, body: Body) -> Architecture {
        let (d_norm, d_dropout) = (Norm::Batch, Dropout::default());
        Architecture { image_size: 16, channels: 1, latent: 3, condition, body, d_norm, d_dropout }
    }

    fn all() -> Vec<Architecture> {
        let mlp = || Body::Mlp { g_hidden: vec![6], d_hidden: vec![5, 4] };
        let conv = || Body::Conv { width: 2 };
        vec![
            small(Condition::OneHot(3), mlp()),
            small(Condition::Embedding(3), mlp()),
            small(Condition::OneHot(3), conv()),
            small(Condition::Embedding(3), conv()),
            small(Condition::Image, conv()),
            Architecture { image_size: 28, channels: 3, ..small(Condition::Image, conv()) },
            Architecture { image_size: 45, ..small(Condition::OneHot(2), conv()) },
        ]
    }

    fn round<E: Element>(a: &Architecture, batch: usize, step: u64) -> Round<E> {
        let image = [batch, a.image_size, a.image_size, a.channels];
        let draw = |purpose, shape: &[usize]| {
            Stream::new(1, purpose, step).uniform_tensor(adjoint_nn::Shape::new(shape), -1.0, 1.0)
        };
        let condition = match a.condition {
            Condition::Image => draw("y", &image),
            labels => {
                let k = labels.numbers();
                Tensor::build([batch, k], |rows| {
                    rows.iter_mut()
                        .enumerate()
                        .for_each(|(i, y)| *y = E::of(f64::from(u8::from(i / k % k == i % k))));
                })
            }
        };
        Round { x: draw("x", &image), z: draw("z", &[batch, a.latent]), condition: Some(condition) }
    }

    #[test]
    fn networks_fit_each_other_and_what_is_counted() {
        for a in all() {
            let mut game = cgan::<f32>(&a, Settings::default(), 1);
            let Round { x, z, condition } = round(&a, 4, 0);
            let (z, y) = (Var::constant(z), Var::constant(condition.unwrap()));
            let fake = game.generator.forward(&z, &y, Mode::Eval);
            assert!(fake.dims() == x.dims() && fake.value().data().iter().all(|p| p.abs() <= 1.0));
            let logits = game.discriminator.forward(&fake, &y, Mode::Eval, &mut Stream::new(1, "masks", 0));
            assert_eq!(logits.dims(), [4]);
            let tables = if matches!(a.condition, Condition::Embedding(_)) { 9 } else { 0 };
            let costs = [a.generator_costs(), a.discriminator_costs()];
            let counted = costs.map(|c| adjoint_nn::cost::parameters(&c) + tables);
            let own = [game.generator.num_parameters(), game.discriminator.num_parameters()];
            assert_eq!(counted, own.map(|n| n as u64), "{a:?}");
        }
    }

    /// Weights a few times larger than at the start, so that the condition matters.
    fn grown<E: Element>(a: &Architecture, settings: Settings) -> Cgan<E> {
        let mut game = cgan::<E>(a, settings, 5);
        let grow = &mut |name: &str, slot: SlotMut<'_, E>| {
            if matches!(a.body, Body::Conv { .. }) && name.ends_with("weight") && !name.contains("norm") {
                let value = slot.into_value();
                *value = value.map(|w| E::of(10.0) * w);
            }
        };
        game.generator.visit_mut("", grow);
        game.discriminator.visit_mut("", grow);
        game
    }

    #[test]
    fn both_networks_hear_the_condition() {
        for a in all() {
            let mut game = grown::<f64>(&a, Settings::default());
            let (one, other) = (round::<f64>(&a, 3, 0), round::<f64>(&a, 3, 1));
            let turned = |y: &Tensor<f64>| Tensor::concat(&[&y.narrow(0, 1, 2), &y.narrow(0, 0, 1)], 0);
            let y = one.condition.unwrap();
            let other = if a.condition == Condition::Image { other.condition.unwrap() } else { turned(&y) };
            let [y, other, z, x] = [y, other, one.z, one.x].map(Var::constant);
            let mut make = |y: &Var<f64>| game.generator.forward(&z, y, Mode::Eval).into_value();
            assert!(make(&y).data() != make(&other).data(), "{a:?}");
            let mut masks = Stream::new(1, "masks", 0);
            let mut judge =
                |y: &Var<f64>| game.discriminator.forward(&x, y, Mode::Eval, &mut masks).into_value();
            assert!(judge(&y).data() != judge(&other).data(), "{a:?}");
        }
    }

    #[test]
    fn whole_losses_have_the_gradients_of_central_differences() {
        let settings = Settings { reconstruction: 10.0, ..Settings::default() };
        let critic = Settings { loss: AdversarialLoss::Wasserstein, penalty: Penalty::Gp(10.0), ..settings };
        for a in all().into_iter().filter(|a| a.image_size == 16) {
            for settings in [settings, critic] {
                let mut game = grown::<f64>(&a, settings);
                let d = |game: &mut Cgan<f64>| game.losses(0, round(&a, 3, 0))[0].clone();
                gradcheck::assert_model(&format!("{a:?}, D"), &mut game, |game| &mut game.discriminator, d);
                let g = |game: &mut Cgan<f64>| game.losses(0, round(&a, 3, 0))[1].clone();
                gradcheck::assert_model(&format!("{a:?}, G"), &mut game, |game| &mut game.generator, g);
            }
        }
    }

    /// Images of class 0 are dark, of class 1 bright: G must follow.
    #[test]
    fn learns_what_a_class_looks_like() {
        let mlp = small(Condition::OneHot(2), Body::Mlp { g_hidden: vec![32], d_hidden: vec![32] });
        let conv = small(Condition::OneHot(2), Body::Conv { width: 4 });
        for a in [Architecture { d_norm: Norm::None, ..mlp }, conv] {
            let settings = Settings { lr: 2e-3, penalty: Penalty::R1(10.0), ..Settings::default() };
            let mut game = cgan::<f32>(&a, settings, 3);
            let shade = |i: usize| if i.is_multiple_of(2) { -0.7f32 } else { 0.7 };
            let x = Tensor::build([16, 16, 16, 1], |x| {
                x.chunks_mut(256).enumerate().for_each(|(i, image)| image.fill(shade(i)));
            });
            for step in 0..600 {
                let mut round = round(&a, 16, step);
                round.x = x.clone();
                game.step(step, [round]);
            }
            let Round { z, condition, .. } = round::<f32>(&a, 16, 1000);
            let y = Var::constant(condition.unwrap());
            let pictures = game.generator.forward(&Var::constant(z), &y, Mode::Eval).into_value();
            let mean = |image: &[f32]| image.iter().sum::<f32>() / 256.0;
            for pair in pictures.data().chunks(512) {
                let (dark, bright) = (mean(&pair[..256]), mean(&pair[256..]));
                assert!(bright - dark > 0.7, "{dark} where -0.7, {bright} where 0.7 is asked for, of {a:?}");
            }
        }
    }
}
