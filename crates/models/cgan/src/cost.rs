//! What the networks cost: counted from the architecture, without building anything (and without the tables of embeddings).

use crate::{Architecture, Body, Condition};
use adjoint_nn::cost::LayerCost;
use adjoint_nn::layers::Norm;
use adjoint_nn::perceptron;
use adjoint_nn::pyramid::{self, Level};

impl Architecture {
    /// The layers of G, from z and y to the image.
    ///
    /// # Panics
    /// If the images are too small for a pyramid.
    #[track_caller]
    pub fn generator_costs(&self) -> Vec<LayerCost> {
        let y = self.condition.numbers();
        match &self.body {
            Body::Mlp { g_hidden, .. } => {
                perceptron::costs(self.latent + y, g_hidden, self.image().numbers(), Norm::None, ", tanh")
            }
            Body::Conv { width } if self.condition == Condition::Image => {
                let levels = self.image().below(*width);
                let (mut costs, from) = self.down(&levels, self.image(), 0, |_| Norm::Batch);
                let mut from = from.and(self.latent);
                for &to in levels.iter().rev().skip(1) {
                    costs.push(pyramid::double_cost(from, to));
                    from = to.and(to.channels);
                }
                costs.push(pyramid::image_cost(from, self.image(), ", tanh"));
                costs
            }
            Body::Conv { width } => {
                let levels = self.image().below(*width);
                let mut from = levels[levels.len() - 1];
                let mut costs = vec![pyramid::project_cost(self.latent + y, from)];
                for &to in levels.iter().rev().skip(1) {
                    costs.push(pyramid::double_cost(from.and(y), to));
                    from = to;
                }
                costs.push(pyramid::image_cost(from.and(y), self.image(), ", tanh"));
                costs
            }
        }
    }

    /// The layers of D, from the image and y to its logit.
    ///
    /// # Panics
    /// If the images are too small for a pyramid.
    #[track_caller]
    pub fn discriminator_costs(&self) -> Vec<LayerCost> {
        let y = self.condition.numbers();
        match &self.body {
            Body::Mlp { d_hidden, .. } => {
                perceptron::costs(self.image().numbers() + y, d_hidden, 1, self.d_norm, ", logit")
            }
            Body::Conv { width } => {
                let norm = |from| self.d_norm_from(from);
                let (mut costs, from) = self.down(&self.image().below(*width), self.seen_by_d(), y, norm);
                costs.push(pyramid::logit_cost(from.and(y)));
                costs
            }
        }
    }

    /// The layers down, each with so many planes beside its input, and the last level.
    fn down(
        &self,
        levels: &[Level],
        mut from: Level,
        planes: usize,
        norm: impl Fn(Level) -> Norm,
    ) -> (Vec<LayerCost>, Level) {
        let mut costs = vec![];
        for &to in levels {
            costs.push(pyramid::down_cost(from.and(planes), to, norm(from)));
            from = to;
        }
        (costs, from)
    }
}
