//! The optimiser: a learning rate, a rule, and what the rule remembers of each parameter.

use super::Gradients;
use crate::module::join;
use crate::state::{NamedTensors, StateError, match_names};
use crate::{Element, Module, SlotMut, Tensor, Var};

/// When a rule is applied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Number of this step, from 1.
    pub number: u64,
    /// The learning rate.
    pub lr: f64,
}

/// How one parameter moves, given its gradient and what is remembered of it.
pub trait UpdateRule<E: Element> {
    /// Names of the tensors that are remembered, each of the parameter's shape and 0 at first.
    fn slots(&self) -> &'static [&'static str];

    /// Moves `theta` along its gradient `g`, and what is remembered (in the order of [`slots`](Self::slots)) along.
    fn update(&self, step: Step, theta: &mut Tensor<E>, g: &Tensor<E>, slots: &mut [Tensor<E>]);
}

/// Descends a model's losses by an [`UpdateRule`].
///
/// ```
/// # use adjoint_nn::layers::Linear;
/// # use adjoint_nn::optim::{Adam, Optimizer};
/// # let d = Linear::<f32>::new(2, 1);
/// let mut adam_d = Optimizer::new(&d, 2e-4, Adam { beta1: 0.5, ..Adam::default() });
/// # adam_d.set_lr(1e-4);
/// ```
pub struct Optimizer<E: Element> {
    lr: f64,
    rule: Box<dyn UpdateRule<E>>,
    steps: u64,
    memory: Vec<Memory<E>>,
}

/// What is remembered of one parameter.
struct Memory<E: Element> {
    name: String,
    slots: Vec<Tensor<E>>,
}

impl<E: Element> Optimizer<E> {
    /// An optimiser of the parameters that `model` has now.
    pub fn new(model: &dyn Module<E>, lr: f64, rule: impl UpdateRule<E> + 'static) -> Self {
        let slots = rule.slots().len();
        let remember = |(name, shape)| Memory { name, slots: vec![Tensor::zeros(shape); slots] };
        let memory = model.parameters().into_iter().map(|(n, p)| remember((n, p.shape()))).collect();
        Optimizer { lr, rule: Box::new(rule), steps: 0, memory }
    }

    /// The learning rate.
    pub fn lr(&self) -> f64 {
        self.lr
    }

    /// Sets the learning rate of the steps to come: `set_lr(base * schedule.factor(step))`.
    pub fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// One step down the loss. Returns its value, from before the step.
    ///
    /// # Panics
    /// As [`Gradients::of`] and [`Optimizer::step`].
    #[track_caller]
    pub fn descend(&mut self, loss: Var<E>, model: &mut dyn Module<E>) -> f64 {
        let gradients = Gradients::of(loss, model);
        self.step(&gradients, model);
        gradients.loss()
    }

    /// One step along given gradients of `model`.
    ///
    /// # Panics
    /// If the gradients or this optimiser belong to a model with other parameters.
    #[track_caller]
    pub fn step(&mut self, gradients: &Gradients<E>, model: &mut dyn Module<E>) {
        let own = self.memory.iter().map(|m| m.name.as_str());
        assert!(
            own.eq(gradients.iter().map(|(name, _)| name)),
            "an optimiser was given the gradients of a model with other parameters than its own"
        );
        self.steps += 1;
        let step = Step { number: self.steps, lr: self.lr };
        let mut items = self.memory.iter_mut().zip(gradients.iter());
        model.visit_mut("", &mut |name, slot| {
            let SlotMut::Param(theta) = slot else { return };
            match items.next() {
                Some((memory, (of, g))) if of == name => {
                    self.rule.update(step, theta.value_mut(), g, &mut memory.slots);
                }
                _ => panic!("an optimiser was given a model with another parameter than its own: {name}"),
            }
        });
    }

    /// All that a step changes: the count of steps, and what is remembered of each parameter as "name.slot".
    pub fn state(&self) -> NamedTensors<E> {
        let mut state = vec![("steps".to_owned(), encode(self.steps))];
        for Memory { name, slots } in &self.memory {
            let names = self.rule.slots().iter().map(|slot| join(name, slot));
            state.extend(names.zip(slots.iter().cloned()));
        }
        state
    }

    /// Takes over a state: all of it, or nothing. The steps that follow are those of the optimiser it came from, bit for
    /// bit.
    ///
    /// # Errors
    /// If a name is missing or not one of this optimiser's, or a shape differs.
    pub fn load_state(&mut self, state: &[(String, Tensor<E>)]) -> Result<(), StateError> {
        let own = self.state();
        let values = match_names(&own, state)?;
        let slots = self.memory.iter_mut().flat_map(|m| &mut m.slots);
        self.steps = decode(values[0]);
        slots.zip(&values[1..]).for_each(|(slot, &value)| *slot = value.clone());
        Ok(())
    }
}

/// Numbers below this are exact in every element type.
const BASE: u64 = 1 << 24;

/// A count as a tensor of two digits, exact below 2^48.
fn encode<E: Element>(count: u64) -> Tensor<E> {
    Tensor::from_slice([2], &[E::of((count % BASE) as f64), E::of((count / BASE) as f64)])
}

fn decode<E: Element>(digits: &Tensor<E>) -> u64 {
    digits.data()[0].f64() as u64 + digits.data()[1].f64() as u64 * BASE
}
