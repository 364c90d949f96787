//! Sizes of the two networks, their layers and what these cost.

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
    /// 1 for grey, 3 for colour.
    pub channels: usize,
    /// Numbers in z.
    pub latent: usize,
    /// What both are told.
    pub condition: Condition,
    /// How they are told a class.
    pub label: Label,
    /// Number of classes.
    pub classes: usize,
    /// What lies between their inputs and outputs.
    pub body: Body,
    /// What keeps D's layers in bounds. Batch norm is left out of the layer that sees the image
    /// ([`pyramid::to_logit`]).
    pub d_norm: Norm,
    /// Dropout behind each hidden layer of D.
    pub d_dropout: Dropout,
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
    /// Numbers that join each sample's input; none for an image, which joins as channels.
    pub(crate) fn told(&self) -> usize {
        if self.condition.is_image() { 0 } else { self.classes }
    }

    pub(crate) fn embedding<E: Element>(&self) -> Option<Embedding<E>> {
        let learns = self.told() > 0 && self.label == Label::Embedding;
        learns.then(|| Embedding::new(self.classes, self.classes))
    }

    fn image(&self) -> Level {
        Level { size: self.image_size, channels: self.channels }
    }

    /// The layers of G before they are built.
    #[track_caller]
    pub(crate) fn generator(&self) -> NetworkPlan {
        let (image, inputs) = (self.image(), self.latent + self.told());
        match (&self.body, self.condition.is_image()) {
            (Body::Mlp { .. }, true) => panic!("perceptrons are told classes, not images"),
            (Body::Mlp { g_hidden, .. }, false) => {
                perceptron::plan(inputs, g_hidden, image.numbers(), Norm::None, ", tanh")
            }
            (Body::Conv { width }, true) => {
                let levels = image.below(*width);
                let mut blocks = pyramid::down(image, &levels, 0, [Norm::Batch; 2]);
                // z is joined to the deepest level. Each other level is joined to the same level of
                // the way down.
                let mut from = levels[levels.len() - 1].and(self.latent);
                for &to in levels.iter().rev().skip(1) {
                    blocks.push(LayerPlan::double(from, to));
                    from = to.and(to.channels);
                }
                NetworkPlan { blocks, last: LayerPlan::image(from, image, ", tanh") }
            }
            (Body::Conv { width }, false) => {
                let (planes, levels) = (self.told(), image.below(*width));
                pyramid::up(inputs, planes, &levels, image, ", tanh")
            }
        }
    }

    /// The layers of D before they are built.
    #[track_caller]
    pub(crate) fn discriminator(&self) -> NetworkPlan {
        let (image, y) = (self.image(), self.told());
        match &self.body {
            Body::Mlp { d_hidden, .. } => {
                perceptron::plan(image.numbers() + y, d_hidden, 1, self.d_norm, ", logit")
            }
            Body::Conv { width } => {
                // A conditioning image lies behind the channels of the image in question.
                let beside = if self.condition.is_image() { self.channels } else { 0 };
                pyramid::to_logit(image.and(beside), &image.below(*width), y, self.d_norm)
            }
        }
    }

    /// The layers of G, from z and y to the image, without the tables of embeddings.
    ///
    /// # Panics
    /// As [`cgan`](crate::cgan).
    #[track_caller]
    pub fn generator_costs(&self) -> Vec<LayerCost> {
        self.generator().costs()
    }

    /// The layers of D, from the image and y to its logit, without the tables of embeddings.
    ///
    /// # Panics
    /// As [`cgan`](crate::cgan).
    #[track_caller]
    pub fn discriminator_costs(&self) -> Vec<LayerCost> {
        self.discriminator().costs()
    }
}
