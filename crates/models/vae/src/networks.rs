//! The encoder and the decoder.

use adjoint_nn::cost::LayerCost;
use adjoint_nn::layers::{ConvTranspose2d, Flatten, Linear, Norm};
use adjoint_nn::param::Role;
use adjoint_nn::plan::{LayerPlan, NetworkPlan};
use adjoint_nn::pyramid::{self, Down, Level, Up};
use adjoint_nn::{Element, Init, Mode, Param, Scheme, Var, module, named};
use adjoint_variational::{self as variational, Autoencoder, Networks, Settings};

/// Sizes of the two networks. The decoder mirrors the encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// Height and width of an image in pixels.
    pub image_size: usize,
    /// Channels of an image: 1 for grayscale, 3 for colour.
    pub channels: usize,
    /// Length of z.
    pub latent: usize,
    /// Number of classes. In a conditional VAE the label is an input of both networks. 0 for a VAE
    /// without labels.
    pub classes: usize,
    /// The kind of layers between image and z.
    pub body: Body,
}

/// The layers between image and z.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Fully connected layers, listed from the image to z. The decoder has the same hidden sizes in
    /// reverse order (Kingma & Welling 2014, appendix C).
    Mlp {
        /// Number of units in each hidden layer.
        hidden: Vec<usize>,
        /// Activation of the hidden layers, tanh in the paper.
        activation: Activation,
    },
    /// The image pyramid of the DCGAN.
    Conv {
        /// Number of channels after the first halving of the image. It doubles at every further
        /// halving.
        width: usize,
    },
}

named! {
    /// Activation of fully connected hidden layers.
    pub enum Activation {
        /// tanh(x)
        Tanh = "tanh": "tanh(x)",
        /// max(x, 0)
        Relu = "relu": "max(x, 0)",
    }
}

impl Activation {
    fn apply<E: Element>(self, x: &Var<E>) -> Var<E> {
        match self {
            Activation::Tanh => x.tanh(),
            Activation::Relu => x.relu(),
        }
    }
}

impl Architecture {
    /// Returns the image as a level.
    fn image(&self) -> Level {
        Level { size: self.image_size, channels: self.channels }
    }

    /// Returns the plan of the encoder.
    #[track_caller]
    fn encoder(&self) -> NetworkPlan {
        let (image, outputs, end) = (self.image(), 2 * self.latent, ", mu and log variance");
        match &self.body {
            Body::Mlp { hidden, activation } => {
                let inputs = image.numbers() + self.classes;
                NetworkPlan::dense(inputs, hidden, outputs, Norm::None, [&format!(", {activation}"), end])
            }
            Body::Conv { width } => {
                let levels = image.below(*width);
                let blocks = pyramid::down(image.and(self.classes), &levels, 0, [Norm::Batch; 2]);
                let features = levels[levels.len() - 1].numbers();
                NetworkPlan { blocks, last: LayerPlan::dense(features, outputs, Norm::None, end) }
            }
        }
    }

    /// Returns the plan of the decoder.
    #[track_caller]
    fn decoder(&self) -> NetworkPlan {
        let (image, inputs) = (self.image(), self.latent + self.classes);
        match &self.body {
            Body::Mlp { hidden, activation } => {
                let hidden: Vec<usize> = hidden.iter().rev().copied().collect();
                let ends = [&format!(", {activation}"), ", pixels"];
                NetworkPlan::dense(inputs, &hidden, image.numbers(), Norm::None, ends)
            }
            Body::Conv { width } => {
                let NetworkPlan { blocks, last } = pyramid::up(inputs, 0, &image.below(*width), image, "");
                NetworkPlan { blocks, last: last.with_bias() }
            }
        }
    }

    /// Returns the costs of the encoder's layers, from the image to mu and log sigma^2.
    ///
    /// # Panics
    /// If the image is too small for a pyramid ([`pyramid::MIN_SIZE`]).
    #[track_caller]
    pub fn encoder_costs(&self) -> Vec<LayerCost> {
        self.encoder().costs()
    }

    /// Returns the costs of the decoder's layers, from z to the image.
    ///
    /// # Panics
    /// If the image is too small for a pyramid ([`pyramid::MIN_SIZE`]).
    #[track_caller]
    pub fn decoder_costs(&self) -> Vec<LayerCost> {
        self.decoder().costs()
    }
}

/// A VAE: its two networks and their optimiser.
pub type Vae<E> = Autoencoder<E, Encoder<E>, Decoder<E>>;

/// Creates a VAE with initial weights drawn from streams of `seed` (Glorot & Bengio 2010).
///
/// # Panics
/// If the images are too small for a pyramid ([`pyramid::MIN_SIZE`]), or if k is 0 and the
/// objective needs samples.
#[track_caller]
pub fn vae<E: Element>(a: &Architecture, settings: Settings, seed: u64) -> Vae<E> {
    let learns_variance = settings.learns_variance();
    let mut networks = Networks { encoder: Encoder::new(a), decoder: Decoder::new(a, learns_variance) };
    Scheme::with_weights(Init::XavierUniform).apply(&mut networks, "vae", seed);
    Autoencoder::new(networks, settings)
}

/// q(z|x) = N(mu(x), diag sigma^2(x)): maps an image to mu and log sigma^2.
pub enum Encoder<E: Element> {
    /// Fully connected.
    Mlp {
        /// Hidden layers.
        hidden: Vec<Linear<E>>,
        /// Activation of the hidden layers.
        activation: Activation,
        /// The last layer, whose output is mu followed by log sigma^2.
        posterior: Linear<E>,
    },
    /// Convolutions that halve the image.
    Conv {
        /// One layer per halving.
        down: Vec<Down<E>>,
        /// The last layer, whose output is mu followed by log sigma^2.
        posterior: Linear<E>,
    },
}
module!(enum Encoder { Mlp { hidden, posterior }, Conv { down, posterior } });

impl<E: Element> Encoder<E> {
    /// Creates an encoder with uninitialised weights.
    ///
    /// # Panics
    /// If the image is too small for a pyramid ([`pyramid::MIN_SIZE`]).
    #[track_caller]
    pub fn new(a: &Architecture) -> Self {
        let NetworkPlan { blocks, last } = a.encoder();
        let posterior = last.linear();
        match a.body {
            Body::Mlp { activation, .. } => {
                Encoder::Mlp { hidden: blocks.iter().map(LayerPlan::linear).collect(), activation, posterior }
            }
            Body::Conv { .. } => Encoder::Conv { down: blocks.iter().map(Down::new).collect(), posterior },
        }
    }
}

impl<E: Element> variational::Encoder<E> for Encoder<E> {
    /// # Panics
    /// If a shape does not match the architecture.
    #[track_caller]
    fn posterior(&mut self, x: &Var<E>, labels: Option<&Var<E>>, mode: Mode) -> (Var<E>, Var<E>) {
        let out = match self {
            Encoder::Mlp { hidden, activation, posterior } => {
                let x = Flatten.forward(x);
                let h = labels.map_or_else(|| x.clone(), |labels| Var::concat(&[&x, labels], 1));
                posterior.forward(&hidden.iter().fold(h, |h, layer| activation.apply(&layer.forward(&h))))
            }
            Encoder::Conv { down, posterior } => {
                let h = labels.map_or_else(|| x.clone(), |labels| pyramid::with_planes(x, labels));
                let h = down.iter_mut().fold(h, |h, layer| layer.forward(&h, mode));
                posterior.forward(&Flatten.forward(&h))
            }
        };
        let latent = out.dims()[1] / 2;
        (out.narrow(1, 0, latent), out.narrow(1, latent, latent))
    }
}

/// p(x|z): maps z to one number per pixel, the logit of a Bernoulli variable or the mean of a
/// normal variable. For normal variables the decoder can also learn one log variance, common to all
/// pixels.
pub enum Decoder<E: Element> {
    /// Fully connected.
    Mlp {
        /// Hidden layers.
        hidden: Vec<Linear<E>>,
        /// Activation of the hidden layers.
        activation: Activation,
        /// The last layer, to the pixels.
        flat: Linear<E>,
        /// The log variance of all pixels, if it is learned.
        log_var: Option<Param<E>>,
        /// Height, width and channels of an image.
        shape: [usize; 3],
    },
    /// Transposed convolutions that double the image.
    Conv {
        /// The projection of z, then one layer per doubling except the last.
        up: Vec<Up<E>>,
        /// The last doubling, to the image's channels.
        image: ConvTranspose2d<E>,
        /// The log variance of all pixels, if it is learned.
        log_var: Option<Param<E>>,
    },
}
module!(enum Decoder { Mlp { hidden, flat, log_var }, Conv { up, image, log_var } });

impl<E: Element> Decoder<E> {
    /// Creates a decoder with uninitialised weights. `learns_variance` adds a learned variance.
    ///
    /// # Panics
    /// If the image is too small for a pyramid ([`pyramid::MIN_SIZE`]).
    #[track_caller]
    pub fn new(a: &Architecture, learns_variance: bool) -> Self {
        // The initial value of a shift is 0, which is a variance of 1.
        let log_var = learns_variance.then(|| Param::new([1], Role::Shift));
        let NetworkPlan { blocks, last } = a.decoder();
        match a.body {
            Body::Mlp { activation, .. } => Decoder::Mlp {
                hidden: blocks.iter().map(LayerPlan::linear).collect(),
                activation,
                flat: last.linear(),
                log_var,
                shape: [a.image_size, a.image_size, a.channels],
            },
            Body::Conv { .. } => Decoder::Conv {
                up: blocks.iter().map(Up::new).collect(),
                image: last.conv_transpose(),
                log_var,
            },
        }
    }
}

impl<E: Element> variational::Decoder<E> for Decoder<E> {
    /// # Panics
    /// If a shape does not match the architecture.
    #[track_caller]
    fn decode(&mut self, z: &Var<E>, labels: Option<&Var<E>>, mode: Mode) -> Var<E> {
        let h = labels.map_or_else(|| z.clone(), |labels| Var::concat(&[z, labels], 1));
        let [n, features] = h.shape().matrix();
        match self {
            Decoder::Mlp { hidden, activation, flat, shape: [height, width, channels], .. } => {
                let h = hidden.iter().fold(h, |h, layer| activation.apply(&layer.forward(&h)));
                flat.forward(&h).reshape([n, *height, *width, *channels])
            }
            Decoder::Conv { up, image, .. } => {
                let h = h.reshape([n, 1, 1, features]);
                image.forward(&up.iter_mut().fold(h, |h, layer| layer.forward(&h, mode)))
            }
        }
    }

    fn log_var(&self) -> Option<Var<E>> {
        let (Decoder::Mlp { log_var, .. } | Decoder::Conv { log_var, .. }) = self;
        log_var.as_ref().map(Param::var)
    }
}
