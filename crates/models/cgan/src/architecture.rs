//! Sizes of the two networks, the plans of their layers and the costs of the layers.

use adjoint_adversarial::{Condition, Label};
use adjoint_nn::Element;
use adjoint_nn::cost::LayerCost;
use adjoint_nn::layers::{Dropout, Embedding, Norm};
use adjoint_nn::perceptron;
use adjoint_nn::plan::{LayerPlan, NetworkPlan};
use adjoint_nn::pyramid::{self, Level};

/// Sizes of the two networks.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// Height and width of an image in pixels.
    pub image_size: usize,
    /// Channels of an image: 1 for grayscale, 3 for colour.
    pub channels: usize,
    /// Length of z.
    pub latent: usize,
    /// The condition of both networks.
    pub condition: Condition,
    /// The representation of a class.
    pub label: Label,
    /// Number of classes.
    pub classes: usize,
    /// The kind of layers of both networks.
    pub body: Body,
    /// Normalisation of D's layers. Batch norm is not applied to the first layer
    /// ([`pyramid::to_logit`]).
    pub d_norm: Norm,
    /// Dropout after each hidden layer of D.
    pub d_dropout: Dropout,
}

/// The kind of layers of both networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Multilayer perceptrons, for conditions that are classes.
    Mlp {
        /// Number of units in each hidden layer of G, starting after the noise.
        g_hidden: Vec<usize>,
        /// Number of units in each hidden layer of D, starting after the image.
        d_hidden: Vec<usize>,
    },
    /// The image pyramid of the DCGAN.
    Conv {
        /// Number of channels after the first halving of the image. It doubles at every further
        /// halving.
        width: usize,
    },
}

impl Architecture {
    /// Returns the number of inputs that represent the class. It is 0 if the condition is an image.
    /// A condition image is appended to the channels of the input image instead.
    pub(crate) fn class_inputs(&self) -> usize {
        if self.condition.is_image() { 0 } else { self.classes }
    }

    pub(crate) fn embedding<E: Element>(&self) -> Option<Embedding<E>> {
        let learns = self.class_inputs() > 0 && self.label == Label::Embedding;
        learns.then(|| Embedding::new(self.classes, self.classes))
    }

    fn image(&self) -> Level {
        Level { size: self.image_size, channels: self.channels }
    }

    /// Returns the plan of G.
    #[track_caller]
    pub(crate) fn generator(&self) -> NetworkPlan {
        let (image, inputs) = (self.image(), self.latent + self.class_inputs());
        match (&self.body, self.condition.is_image()) {
            (Body::Mlp { .. }, true) => panic!("perceptrons need classes as condition, not images"),
            (Body::Mlp { g_hidden, .. }, false) => {
                perceptron::plan(inputs, g_hidden, image.numbers(), Norm::None, ", tanh")
            }
            (Body::Conv { width }, true) => {
                let levels = image.below(*width);
                let mut blocks = pyramid::down(image, &levels, 0, [Norm::Batch; 2]);
                // z is appended to the smallest level. Each other level is concatenated with the
                // output of the halving of the same size.
                let mut from = levels[levels.len() - 1].and(self.latent);
                for &to in levels.iter().rev().skip(1) {
                    blocks.push(LayerPlan::double(from, to));
                    from = to.and(to.channels);
                }
                NetworkPlan { blocks, last: LayerPlan::image(from, image, ", tanh") }
            }
            (Body::Conv { width }, false) => {
                let (planes, levels) = (self.class_inputs(), image.below(*width));
                pyramid::up(inputs, planes, &levels, image, ", tanh")
            }
        }
    }

    /// Returns the plan of D.
    #[track_caller]
    pub(crate) fn discriminator(&self) -> NetworkPlan {
        let (image, y) = (self.image(), self.class_inputs());
        match &self.body {
            Body::Mlp { d_hidden, .. } => {
                perceptron::plan(image.numbers() + y, d_hidden, 1, self.d_norm, ", logit")
            }
            Body::Conv { width } => {
                // A condition image is appended to the channels of the input image.
                let condition_channels = if self.condition.is_image() { self.channels } else { 0 };
                pyramid::to_logit(image.and(condition_channels), &image.below(*width), y, self.d_norm)
            }
        }
    }

    /// Returns the costs of G's layers, from z and y to the image. The costs do not include an
    /// embedding table.
    ///
    /// # Panics
    /// Under the conditions of [`cgan`](crate::cgan).
    #[track_caller]
    pub fn generator_costs(&self) -> Vec<LayerCost> {
        self.generator().costs()
    }

    /// Returns the costs of D's layers, from the image and y to the logit. The costs do not include
    /// an embedding table.
    ///
    /// # Panics
    /// Under the conditions of [`cgan`](crate::cgan).
    #[track_caller]
    pub fn discriminator_costs(&self) -> Vec<LayerCost> {
        self.discriminator().costs()
    }
}
