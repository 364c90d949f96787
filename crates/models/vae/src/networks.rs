//! The encoder and the decoder.

use adjoint_nn::cost::LayerCost;
use adjoint_nn::layers::{ConvTranspose2d, Flatten, Linear, Norm};
use adjoint_nn::param::Role;
use adjoint_nn::pyramid::{self, Down, Level, Up};
use adjoint_nn::{Element, Init, Mode, Param, Scheme, Var, module};
use adjoint_variational::{self as variational, Autoencoder, Likelihood, Networks, Settings};

/// Sizes of the two networks, which mirror each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// Height and width of an image in pixels.
    pub image_size: usize,
    /// 1 for grey, 3 for colour.
    pub channels: usize,
    /// Numbers in z.
    pub latent: usize,
    /// Classes of which the label enters both networks (a conditional VAE); 0 for none.
    pub classes: usize,
    /// What lies between image and z.
    pub body: Body,
}

/// The layers between image and z.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Fully connected with tanh, from the image to z; the decoder has the same sizes in the other direction (Kingma &
    /// Welling 2014, appendix C).
    Mlp {
        /// Units of each hidden layer.
        hidden: Vec<usize>,
    },
    /// The image pyramid of the DCGAN.
    Conv {
        /// Channels next to the image; they double at every halving.
        width: usize,
    },
}

impl Architecture {
    /// The image as a level.
    fn image(&self) -> Level {
        Level { size: self.image_size, channels: self.channels }
    }

    /// The levels of a convolutional body, the units of a fully connected one.
    #[track_caller]
    fn sizes(&self) -> (Vec<Level>, &[usize]) {
        match &self.body {
            Body::Mlp { hidden } => (vec![], hidden),
            Body::Conv { width } => (self.image().below(*width), &[]),
        }
    }
}

impl Architecture {
    /// The layers of the encoder, from the image to mu and log sigma^2.
    #[track_caller]
    pub fn encoder_costs(&self) -> Vec<LayerCost> {
        let (levels, hidden) = self.sizes();
        let mut level = Level { channels: self.channels + self.classes, ..self.image() };
        let mut costs = vec![];
        for &to in &levels {
            costs.push(pyramid::down_cost(level, to, Norm::Batch));
            level = to;
        }
        let deepest = levels.last().map(|l| l.numbers());
        let mut from = deepest.unwrap_or(self.image().numbers() + self.classes);
        for &to in hidden {
            costs.push(LayerCost::linear("linear, tanh", from, to));
            from = to;
        }
        costs.push(LayerCost::linear("linear, mu and log variance", from, 2 * self.latent));
        costs
    }

    /// The layers of the decoder, from z to the image.
    #[track_caller]
    pub fn decoder_costs(&self) -> Vec<LayerCost> {
        let (levels, hidden) = self.sizes();
        let mut from = self.latent + self.classes;
        if !levels.is_empty() {
            let mut costs = pyramid::up_costs(from, &levels, self.image(), "");
            let image = costs.pop().expect("there are levels").with_bias();
            return costs.into_iter().chain([image]).collect();
        }
        let mut costs = vec![];
        for &to in hidden.iter().rev() {
            costs.push(LayerCost::linear("linear, tanh", from, to));
            from = to;
        }
        costs.push(LayerCost::linear("linear, pixels", from, self.image().numbers()));
        costs
    }
}

/// A VAE: its two networks and their optimiser.
pub type Vae<E> = Autoencoder<E, Encoder<E>, Decoder<E>>;

/// A VAE with its first weights, drawn from streams of `seed` (Glorot & Bengio 2010).
///
/// # Panics
/// If the images are too small for a pyramid ([`pyramid::MIN_SIZE`]), or the objective draws no sample.
#[track_caller]
pub fn vae<E: Element>(a: &Architecture, settings: Settings, seed: u64) -> Vae<E> {
    let learns_variance = settings.likelihood == Likelihood::Gaussian { sigma: None };
    let mut networks = Networks { encoder: Encoder::new(a), decoder: Decoder::new(a, learns_variance) };
    Scheme::with_weights(Init::XavierUniform).apply(&mut networks, "vae", seed);
    Autoencoder::new(networks, settings)
}

/// q(z|x) = N(mu(x), diag sigma^2(x)): image -> mu and log sigma^2.
pub struct Encoder<E: Element> {
    /// Halvings; none in a fully connected body.
    down: Vec<Down<E>>,
    /// Hidden layers; none in a convolutional body.
    hidden: Vec<Linear<E>>,
    /// mu and log sigma^2 side by side.
    posterior: Linear<E>,
}
module!(Encoder { down, hidden, posterior });

impl<E: Element> Encoder<E> {
    /// An encoder without weights.
    ///
    /// # Panics
    /// If the image is too small for a pyramid ([`pyramid::MIN_SIZE`]).
    #[track_caller]
    pub fn new(a: &Architecture) -> Self {
        let (levels, hidden) = a.sizes();
        let mut from = Level { channels: a.channels + a.classes, ..a.image() };
        let mut down = vec![];
        for to in levels {
            down.push(Down::halve(from, to, Norm::Batch));
            from = to;
        }
        let features = if down.is_empty() { a.image().numbers() + a.classes } else { from.numbers() };
        let (hidden, features) = linears(features, hidden.iter().copied());
        Encoder { down, hidden, posterior: Linear::new(features, 2 * a.latent) }
    }
}

impl<E: Element> variational::Encoder<E> for Encoder<E> {
    /// # Panics
    /// If shapes are not those of the architecture.
    #[track_caller]
    fn posterior(&mut self, x: &Var<E>, labels: Option<&Var<E>>, mode: Mode) -> (Var<E>, Var<E>) {
        let mut h = match labels {
            Some(labels) if self.down.is_empty() => Var::concat(&[&Flatten.forward(x), labels], 1),
            Some(labels) => pyramid::with_planes(x, labels),
            None => x.clone(),
        };
        for layer in &mut self.down {
            h = layer.forward(&h, mode);
        }
        let h = self.hidden.iter().fold(Flatten.forward(&h), |h, layer| layer.forward(&h).tanh());
        let out = self.posterior.forward(&h);
        let latent = out.dims()[1] / 2;
        (out.narrow(1, 0, latent), out.narrow(1, latent, latent))
    }
}

/// p(x|z): z -> one number a pixel, the logit of a Bernoulli variable or the mean of a normal one; for
/// the latter also the logarithm of its variance, one for all pixels.
pub enum Decoder<E: Element> {
    /// Fully connected.
    Mlp {
        /// Hidden layers.
        hidden: Vec<Linear<E>>,
        /// The last layer, to the pixels.
        flat: Linear<E>,
        /// log of the variance of the pixels, if it is learned.
        log_var: Option<Param<E>>,
        /// (height, width, channels) of an image.
        shape: [usize; 3],
    },
    /// A pyramid up.
    Conv {
        /// Projection and doublings.
        up: Vec<Up<E>>,
        /// The last doubling, to the image's channels.
        image: ConvTranspose2d<E>,
        /// log of the variance of the pixels, if it is learned.
        log_var: Option<Param<E>>,
    },
}
module!(enum Decoder { Mlp { hidden, flat, log_var }, Conv { up, image, log_var } });

impl<E: Element> Decoder<E> {
    /// A decoder without weights, with or without a variance of its own.
    ///
    /// # Panics
    /// If the image is too small for a pyramid ([`pyramid::MIN_SIZE`]).
    #[track_caller]
    pub fn new(a: &Architecture, learns_variance: bool) -> Self {
        let inputs = a.latent + a.classes;
        // Its role makes it start at 0: a variance of 1.
        let log_var = learns_variance.then(|| Param::new([1], Role::Shift));
        match &a.body {
            Body::Mlp { hidden } => {
                let (hidden, features) = linears(inputs, hidden.iter().rev().copied());
                let flat = Linear::new(features, a.image().numbers());
                Decoder::Mlp { hidden, flat, log_var, shape: [a.image_size, a.image_size, a.channels] }
            }
            Body::Conv { width } => {
                let levels = a.image().below(*width);
                let mut up = vec![Up::project(inputs, levels[levels.len() - 1])];
                up.extend(levels.windows(2).rev().map(|pair| Up::double(pair[1], pair[0])));
                Decoder::Conv { up, image: pyramid::double(levels[0], a.image()), log_var }
            }
        }
    }
}

impl<E: Element> variational::Decoder<E> for Decoder<E> {
    /// # Panics
    /// If shapes are not those of the architecture.
    #[track_caller]
    fn decode(&mut self, z: &Var<E>, labels: Option<&Var<E>>, mode: Mode) -> Var<E> {
        let h = labels.map_or_else(|| z.clone(), |labels| Var::concat(&[z, labels], 1));
        let [n, features] = h.shape().matrix();
        match self {
            Decoder::Mlp { hidden, flat, shape: [height, width, channels], .. } => {
                let h = hidden.iter().fold(h, |h, layer| layer.forward(&h).tanh());
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

/// Layers from so many features over the sizes given, and the last of them.
fn linears<E: Element>(features: usize, sizes: impl Iterator<Item = usize>) -> (Vec<Linear<E>>, usize) {
    let mut from = features;
    let mut layer = |to| Linear::new(std::mem::replace(&mut from, to), to);
    let layers = sizes.map(&mut layer).collect();
    (layers, from)
}
