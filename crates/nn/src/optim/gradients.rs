//! The gradient of a loss with respect to a model.

use crate::{Element, Module, Tensor, Var};
use std::sync::OnceLock;

/// A loss, and its gradient with respect to each parameter of a model. The gradients are in the
/// order in which the model's fields are visited.
#[derive(Clone, Debug)]
pub struct Gradients<E: Element> {
    loss: f64,
    entries: Vec<Entry<E>>,
}

/// The gradient with respect to one parameter.
#[derive(Clone, Debug)]
pub(super) struct Entry<E: Element> {
    name: String,
    pub(super) gradient: Tensor<E>,
    /// The sum of the squares of the gradient, if it was computed.
    squares: OnceLock<f64>,
}

impl<E: Element> Entry<E> {
    fn new(name: String, gradient: Tensor<E>) -> Self {
        Entry { name, gradient, squares: OnceLock::new() }
    }

    /// Keeps the sum of the squares of the gradient, for the norm.
    pub(super) fn remember(&self, squares: f64) {
        self.squares.get_or_init(|| squares);
    }

    fn sum_of_squares(&self) -> f64 {
        *self.squares.get_or_init(|| self.gradient.sum_of_squares())
    }
}

impl<E: Element> Gradients<E> {
    /// Computes d loss / d theta for every parameter theta of `model`.
    ///
    /// The function takes the loss by value and drops its graph before it returns. The graph holds
    /// references to the weights. Without these references,
    /// [`Optimizer::step`](super::Optimizer::step) updates the weights in place. If the caller
    /// keeps another value that was computed from the weights, `step` copies the weights first. The
    /// result is the same.
    ///
    /// # Panics
    /// If the loss is not a scalar, or if it does not depend on one of the parameters. The message
    /// names this parameter. Without the check, an optimiser would leave the parameter at its
    /// initial value without an error.
    #[track_caller]
    pub fn of(loss: Var<E>, model: &dyn Module<E>) -> Self {
        assert!(loss.shape().len() == 1, "a loss is one number; this has the shape {}", loss.shape());
        let (names, vars): (Vec<String>, Vec<Var<E>>) =
            model.parameters().into_iter().map(|(name, p)| (name, p.var())).unzip();
        let wrt: Vec<&Var<E>> = vars.iter().collect();
        let reached = loss.depends_on(&wrt);
        let unused: Vec<&str> =
            names.iter().zip(reached).filter(|(_, reached)| !reached).map(|(n, _)| n.as_str()).collect();
        assert!(unused.is_empty(), "the loss does not depend on the parameter {}", unused.join(", "));
        let gradients = loss.gradients(&wrt);
        let entries = names.into_iter().zip(gradients).map(|(name, g)| Entry::new(name, g)).collect();
        Gradients { loss: loss.item(), entries }
    }

    /// Returns the value of the loss.
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// Returns the name and the gradient of each parameter.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor<E>)> {
        self.entries.iter().map(|entry| (entry.name.as_str(), &entry.gradient))
    }

    pub(super) fn entries(&self) -> &[Entry<E>] {
        &self.entries
    }

    /// Returns the gradient of the parameter `name`.
    pub fn get(&self, name: &str) -> Option<&Tensor<E>> {
        self.iter().find(|(n, _)| *n == name).map(|(_, g)| g)
    }

    /// Returns the Euclidean norm of the gradient with respect to all parameters.
    pub fn norm(&self) -> f64 {
        self.norm_of("")
    }

    /// The Euclidean norm of the gradients of all parameters whose names start with `part`, for
    /// example "encoder.".
    pub fn norm_of(&self, part: &str) -> f64 {
        let of_part = self.entries.iter().filter(|entry| entry.name.starts_with(part));
        of_part.map(Entry::sum_of_squares).sum::<f64>().sqrt()
    }

    /// Scales all gradients by one factor so that [`norm`](Self::norm) is at most `max` (Pascanu et
    /// al. 2013, algorithm 1). Returns the norm before scaling.
    ///
    /// # Panics
    /// If `max` is not positive.
    #[track_caller]
    pub fn clip_norm(&mut self, max: f64) -> f64 {
        assert!(max > 0.0, "clip_norm({max}): the bound must be positive");
        let norm = self.norm();
        if norm > max {
            let factor = E::of(max / norm);
            for Entry { gradient, squares, .. } in &mut self.entries {
                *gradient = gradient.map(move |g| factor * g);
                *squares = OnceLock::new();
            }
        }
        norm
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Linear;
    use crate::optim::{Adam, Optimizer};
    use crate::{Scheme, Stream, module};

    struct Two<E: Element> {
        a: Linear<E>,
        b: Linear<E>,
    }
    module!(Two { a, b });

    fn two() -> Two<f64> {
        let mut two = Two { a: Linear::new(1, 1).without_bias(), b: Linear::new(1, 1).without_bias() };
        Scheme::pytorch().apply(&mut two, "two", 0);
        *two.a.weight.value_mut() = Tensor::full([1, 1], 3.0);
        *two.b.weight.value_mut() = Tensor::full([1, 1], 4.0);
        two
    }

    fn one() -> Var<f64> {
        Var::constant(Tensor::full([1, 1], 1.0))
    }

    #[test]
    fn norm_and_clipping() {
        let two = two();
        // The gradient of a^2/2 + b^2/2 is (3, 4), whose norm is 5.
        let loss =
            |two: &Two<f64>| (two.a.forward(&one()).square() + two.b.forward(&one()).square()).sum() * 0.5;
        let mut gradients = Gradients::of(loss(&two), &two);
        assert_eq!((gradients.loss(), gradients.norm()), (12.5, 5.0));
        assert_eq!(gradients.clip_norm(10.0), 5.0);
        assert_eq!(gradients.get("a.weight").map(Tensor::item), Some(3.0));
        assert_eq!(gradients.clip_norm(1.0), 5.0);
        assert!((gradients.norm() - 1.0).abs() < 1e-15);
        assert!((gradients.get("b.weight").unwrap().item() - 0.8).abs() < 1e-15);
        assert!(gradients.get("c.weight").is_none());
    }

    /// Adam's step passes on the sums of squares, with which the norm has the same bits.
    #[test]
    fn the_norm_is_the_same_before_and_after_a_step() {
        let mut model = Linear::<f32>::new(300, 200);
        Scheme::pytorch().apply(&mut model, "model", 0);
        let x = Var::constant(Stream::new(1, "x", 0).normal_tensor([4, 300], 0.0, 1.0));
        let gradients = Gradients::of(model.forward(&x).square().sum(), &model);
        let before = gradients.clone().norm();
        let passed_on = || gradients.entries.iter().all(|entry| entry.squares.get().is_some());
        assert!(!passed_on());
        Optimizer::new(&model, 0.1, Adam::default()).step(&gradients, &mut model);
        assert!(passed_on());
        assert_eq!(gradients.norm().to_bits(), before.to_bits());
    }

    #[test]
    #[should_panic(expected = "the loss does not depend on the parameter b.weight")]
    fn a_parameter_without_a_gradient_is_named() {
        let two = two();
        Gradients::of(two.a.forward(&one()).sum(), &two);
    }

    #[test]
    #[should_panic(expected = "a loss is one number; this has the shape [2, 1]")]
    fn a_loss_is_a_scalar() {
        let two = two();
        Gradients::of(two.a.forward(&Var::constant(Tensor::zeros([2, 1]))), &two);
    }
}
