//! The optimiser: a learning rate, an update rule and the optimiser state of each parameter.

use super::Gradients;
use crate::module::join;
use crate::state::{NamedTensors, StateError, decode_count, encode_count, match_names};
use crate::{Element, Module, Shape, SlotMut, Tensor, Var};

/// The number and the learning rate of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Number of the step; the first step is 1.
    pub number: u64,
    /// The learning rate.
    pub lr: f64,
}

/// Computes the update of one parameter from its gradient and its optimiser state.
pub trait UpdateRule<E: Element> {
    /// Names of the state tensors. Each has the shape of the parameter and is initially 0.
    fn slots(&self) -> &'static [&'static str];

    /// Updates the parameter `theta`, whose gradient is `g`, and its state tensors `slots`, which
    /// are in the order of [`slots`](Self::slots). Returns the sum of the squares of `g` if the
    /// update computes it at little cost, with the bits of [`Tensor::sum_of_squares`].
    fn update(
        &self,
        step: Step,
        theta: &mut Tensor<E>,
        g: &Tensor<E>,
        slots: &mut [Tensor<E>],
    ) -> Option<f64>;
}

/// Minimises losses of a model with an [`UpdateRule`].
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
    states: Vec<ParamState<E>>,
}

/// The optimiser state of one parameter.
struct ParamState<E: Element> {
    name: String,
    shape: Shape,
    slots: Vec<Tensor<E>>,
}

impl<E: Element> Optimizer<E> {
    /// Creates an optimiser for the parameters of `model`.
    pub fn new(model: &dyn Module<E>, lr: f64, rule: impl UpdateRule<E> + 'static) -> Self {
        let slots = rule.slots().len();
        let state_of = |(name, shape)| ParamState { name, shape, slots: vec![Tensor::zeros(shape); slots] };
        let states = model.parameters().into_iter().map(|(n, p)| state_of((n, p.shape()))).collect();
        Optimizer { lr, rule: Box::new(rule), steps: 0, states }
    }

    /// The learning rate.
    pub fn lr(&self) -> f64 {
        self.lr
    }

    /// Sets the learning rate of the following steps. With a schedule, the rate is
    /// `base * schedule.factor(step, steps)`, and this function is called before each step.
    pub fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }

    /// The number of steps done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Does one step that decreases `loss`. Returns the value of the loss before the step.
    ///
    /// # Panics
    /// Under the conditions of [`Gradients::of`] and [`Optimizer::step`].
    #[track_caller]
    pub fn descend(&mut self, loss: Var<E>, model: &mut dyn Module<E>) -> f64 {
        let gradients = Gradients::of(loss, model);
        self.step(&gradients, model);
        gradients.loss()
    }

    /// Does one step with the given gradients of `model`.
    ///
    /// # Panics
    /// If `gradients` or this optimiser belong to a model with other parameters than `model`.
    #[track_caller]
    pub fn step(&mut self, gradients: &Gradients<E>, model: &mut dyn Module<E>) {
        let own = || self.states.iter().map(|state| (state.name.as_str(), state.shape));
        assert!(
            own().eq(gradients.iter().map(|(name, g)| (name, g.shape()))),
            "the gradients are those of a model with other parameters than the optimiser's"
        );
        assert!(
            own().eq(model.parameters().iter().map(|(name, p)| (name.as_str(), p.shape()))),
            "the optimiser was created for a model with other parameters"
        );
        self.steps += 1;
        let step = Step { number: self.steps, lr: self.lr };
        let mut items = self.states.iter_mut().zip(gradients.entries());
        model.visit_mut("", &mut |_, slot| {
            let SlotMut::Param(theta) = slot else { return };
            let (state, entry) = items.next().expect("the names were compared");
            let squares = self.rule.update(step, theta.value_mut(), &entry.gradient, &mut state.slots);
            squares.into_iter().for_each(|squares| entry.remember(squares));
        });
    }

    /// Returns everything that a step changes except the model: the number of steps, named "steps",
    /// and the state tensors of each parameter. The state tensor "slot" of the parameter "name" is
    /// named "name.slot".
    pub fn state(&self) -> NamedTensors<E> {
        let mut state = vec![("steps".to_owned(), encode_count(self.steps))];
        for ParamState { name, slots, .. } in &self.states {
            let names = self.rule.slots().iter().map(|slot| join(name, slot));
            state.extend(names.zip(slots.iter().cloned()));
        }
        state
    }

    /// Replaces the state of this optimiser with `state`, which [`state`](Self::state) of an
    /// optimiser returned. The following steps then equal the steps of that optimiser, bit for bit.
    /// An error leaves the state unchanged.
    ///
    /// # Errors
    /// If a name is missing or unknown to this optimiser, or a shape differs.
    pub fn load_state(&mut self, state: &[(String, Tensor<E>)]) -> Result<(), StateError> {
        let own = self.state();
        let values = match_names(&own, state)?;
        let slots = self.states.iter_mut().flat_map(|m| &mut m.slots);
        self.steps = decode_count(values[0]);
        slots.zip(&values[1..]).for_each(|(slot, &value)| *slot = value.clone());
        Ok(())
    }
}

/// Returns g + lambda theta, the gradient with weight decay.
pub(super) fn decayed<E: Element>(g: &Tensor<E>, theta: &Tensor<E>, lambda: f64) -> Tensor<E> {
    let l = E::of(lambda);
    if lambda == 0.0 { g.clone() } else { g.zip(theta, move |g, theta| g + l * theta) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Linear;
    use crate::optim::{Adam, AdamW, RmsProp, Sgd};
    use crate::{Scheme, Stream};

    /// Creates an optimiser for a model.
    type Make = fn(&Linear<f32>) -> Optimizer<f32>;

    fn optimizers() -> [Make; 6] {
        [
            |model| Optimizer::new(model, 0.01, Sgd::default()),
            |model| Optimizer::new(model, 0.01, Sgd { momentum: 0.9, nesterov: true, weight_decay: 0.1 }),
            |model| Optimizer::new(model, 0.01, RmsProp::default()),
            |model| Optimizer::new(model, 0.01, RmsProp { momentum: 0.9, ..RmsProp::default() }),
            |model| Optimizer::new(model, 0.01, Adam::default()),
            |model| Optimizer::new(model, 0.01, AdamW::default()),
        ]
    }

    fn model() -> Linear<f32> {
        let mut model = Linear::new(3, 2);
        Scheme::pytorch().apply(&mut model, "model", 3);
        model
    }

    fn loss(model: &Linear<f32>, step: u64) -> Var<f32> {
        let x = Stream::new(4, "x", step).normal_tensor([8, 3], 0.0, 1.0);
        (model.forward(&Var::constant(x)) - 1.0).square().mean()
    }

    fn bits(state: &NamedTensors<f32>) -> Vec<(String, Vec<u32>)> {
        state.iter().map(|(n, t)| (n.clone(), t.data().iter().map(|x| x.to_bits()).collect())).collect()
    }

    #[test]
    fn every_rule_descends_and_resumes_bit_for_bit() {
        for optimizer_of in optimizers() {
            let (mut whole, mut a) = (model(), model());
            let mut optimizer = optimizer_of(&whole);
            let first = loss(&whole, 0).item();
            (0..40).for_each(|step| _ = optimizer.descend(loss(&whole, step), &mut whole));
            assert!(loss(&whole, 0).item() < first, "slots {:?}", optimizer.rule.slots());

            let mut before = optimizer_of(&a);
            (0..20).for_each(|step| _ = before.descend(loss(&a, step), &mut a));
            let (mut b, mut after) = (model(), optimizer_of(&model()));
            b.load_state(&a.state()).unwrap();
            after.load_state(&before.state()).unwrap();
            (20..40).for_each(|step| _ = after.descend(loss(&b, step), &mut b));
            assert_eq!(bits(&whole.state()), bits(&b.state()));
            assert_eq!(bits(&optimizer.state()), bits(&after.state()));
        }
    }

    #[test]
    fn weights_move_in_place() {
        let mut model = model();
        let mut adam = Optimizer::new(&model, 0.01, Adam::default());
        let at = |model: &Linear<f32>| model.weight.value().data().as_ptr();
        let before = at(&model);
        adam.descend(loss(&model, 0), &mut model);
        assert_eq!(at(&model), before);
    }

    #[test]
    fn a_state_names_what_is_remembered_and_must_fit() {
        let model = model();
        let mut adam = Optimizer::new(&model, 0.01, Adam::default());
        let names: Vec<_> = adam.state().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["steps", "weight.m", "weight.v", "bias.m", "bias.v"]);
        let other = Optimizer::new(&model, 0.01, Sgd::default());
        let error = adam.load_state(&other.state()).unwrap_err().to_string();
        assert_eq!(error, "lacks `weight.m`, `weight.v`, `bias.m` and 1 more");
        assert_eq!(adam.steps(), 0);
    }

    #[test]
    #[should_panic(expected = "are those of a model with other parameters")]
    fn gradients_of_another_model_are_rejected() {
        let (model, mut bare) = (model(), model().without_bias());
        let mut adam = Optimizer::new(&bare, 0.01, Adam::default());
        adam.step(&Gradients::of(loss(&model, 0), &model), &mut bare);
    }
}
