//! Exponential moving averages of a model's weights.
//!
//! The weights of a generator oscillate during training. Their exponential moving average does not,
//! and a generator with averaged weights gives better samples (Yazici et al. 2019).

use crate::state::{NamedTensors, StateError, decode_count, encode_count, match_names};
use crate::{Element, Module, Tensor};

/// An exponential moving average of a model's parameters, w <- d w + (1 - d) theta, and of its
/// buffers. Running statistics describe the outputs of the model with the weights of certain steps.
/// They are therefore averaged over the same steps as the weights.
///
/// In the n-th update d is the smaller of `decay` and n / (n + 9). In the first updates d is small,
/// so the random initial weights quickly lose their influence on the average.
///
/// ```
/// # use adjoint_nn::layers::Linear;
/// # use adjoint_nn::{Ema, Module, Scheme};
/// # let mut g = Linear::<f32>::new(2, 1);
/// # Scheme::pytorch().apply(&mut g, "g", 0);
/// let mut ema = Ema::new(&g, 0.999);
/// ema.update(&g); // after each step of g's optimiser
/// let averaged = ema.with(&mut g, |g| g.state()); // g has averaged weights only in the closure
/// # let _ = averaged;
/// ```
pub struct Ema<E: Element> {
    decay: f64,
    updates: u64,
    average: NamedTensors<E>,
}

impl<E: Element> Ema<E> {
    /// Creates an average that starts at the weights of `model`.
    ///
    /// # Panics
    /// If the decay is not in [0, 1).
    #[track_caller]
    pub fn new(model: &dyn Module<E>, decay: f64) -> Self {
        assert!((0.0..1.0).contains(&decay), "Ema: the decay {decay} must be at least 0 and less than 1");
        Ema { decay, updates: 0, average: model.state() }
    }

    /// Updates the average with the current weights of `model`.
    ///
    /// # Panics
    /// If the average was created for another model.
    #[track_caller]
    pub fn update(&mut self, model: &dyn Module<E>) {
        self.updates += 1;
        let n = self.updates as f64;
        let towards = E::of(1.0 - self.decay.min(n / (n + 9.0)));
        self.check(model);
        let mut average = self.average.iter_mut();
        model.visit("", &mut |_, slot| {
            let (_, average) = average.next().expect("the names were checked");
            average.update(slot.value(), move |w, theta| w + towards * (theta - w));
        });
    }

    /// Calls `f` with `model` while the model has the averaged weights, and then restores the
    /// model's own weights.
    ///
    /// # Panics
    /// If the average was created for another model.
    #[track_caller]
    pub fn with<M: Module<E>, R>(&mut self, model: &mut M, f: impl FnOnce(&mut M) -> R) -> R {
        self.check(model);
        self.swap(model);
        let result = f(model);
        self.swap(model);
        result
    }

    /// Panics if the names or shapes of the average are not those of `model`.
    #[track_caller]
    fn check(&self, model: &dyn Module<E>) {
        if let Err(error) = match_names(&self.average, &model.state()) {
            panic!("the average was created for another model: this model {error}");
        }
    }

    /// Exchanges the averaged weights and the weights of `model`.
    fn swap(&mut self, model: &mut dyn Module<E>) {
        let mut average = self.average.iter_mut().map(|(_, average)| average);
        model.visit_mut("", &mut |_, slot| {
            std::mem::swap(slot.into_value(), average.next().expect("the names were checked"));
        });
    }

    /// The averaged weights and buffers, with the names that they have in the model.
    pub fn average(&self) -> &NamedTensors<E> {
        &self.average
    }

    /// Everything that an update changes: the number of updates as "updates", and the averages.
    pub fn state(&self) -> NamedTensors<E> {
        let mut state = vec![("updates".to_owned(), encode_count(self.updates))];
        state.extend(self.average.iter().cloned());
        state
    }

    /// Replaces the state with `state`; an error leaves it unchanged.
    ///
    /// # Errors
    /// If a name is missing or unknown to this average, or a shape differs.
    pub fn load_state(&mut self, state: &[(String, Tensor<E>)]) -> Result<(), StateError> {
        let own = self.state();
        let values = match_names(&own, state)?;
        self.updates = decode_count(values[0]);
        self.average.iter_mut().zip(&values[1..]).for_each(|((_, average), &value)| *average = value.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{BatchNorm1d, Linear};
    use crate::{Mode, Var};

    fn set(model: &mut Linear<f64>, value: f64) {
        *model.weight.value_mut() = Tensor::full([1, 1], value);
    }

    fn weight(ema: &Ema<f64>) -> f64 {
        ema.average()[0].1.item()
    }

    fn model() -> Linear<f64> {
        let mut model = Linear::new(1, 1).without_bias();
        set(&mut model, 10.0);
        model
    }

    #[test]
    fn follows_by_its_decay_and_faster_at_first() {
        let mut model = model();
        let mut ema = Ema::new(&model, 0.15);
        set(&mut model, 20.0);
        // In the first update d = 1 / 10 < 0.15. In the second d = 0.15 < 2 / 11.
        ema.update(&model);
        assert!((weight(&ema) - 19.0).abs() < 1e-13);
        ema.update(&model);
        assert!((weight(&ema) - 19.85).abs() < 1e-13);
    }

    #[test]
    fn is_in_the_model_only_inside_with() {
        let mut model = model();
        let mut ema = Ema::new(&model, 0.5);
        set(&mut model, 20.0);
        assert_eq!(ema.with(&mut model, |m| m.weight.value().item()), 10.0);
        assert_eq!((model.weight.value().item(), weight(&ema)), (20.0, 10.0));
    }

    #[test]
    fn running_statistics_are_averaged_too() {
        let mut norm = BatchNorm1d::<f64>::new(1);
        crate::Scheme::pytorch().apply(&mut norm, "norm", 0);
        let mut ema = Ema::new(&norm, 0.1);
        norm.forward(&Var::constant(Tensor::from_slice([2, 1], &[4.0, 6.0])), Mode::Train);
        ema.update(&norm);
        // The running mean changed from 0 to 0.1 * 5. With d = 0.1, its average is nine tenths of
        // that.
        assert_eq!(ema.average()[2].0, "running_mean");
        assert!((ema.average()[2].1.item() - 0.45).abs() < 1e-15);
    }

    #[test]
    fn resumes() {
        let mut model = model();
        let mut a = Ema::new(&model, 0.9);
        set(&mut model, 20.0);
        (0..3).for_each(|_| a.update(&model));
        let mut b = Ema::new(&model, 0.9);
        b.load_state(&a.state()).unwrap();
        a.update(&model);
        b.update(&model);
        assert_eq!(weight(&a).to_bits(), weight(&b).to_bits());
        assert_eq!(b.load_state(&[]).unwrap_err().to_string(), "lacks `updates`, `weight`");
    }

    #[test]
    #[should_panic(
        expected = "the average was created for another model: this model has the unexpected `bias`"
    )]
    fn another_model_is_rejected() {
        Ema::new(&model(), 0.9).update(&Linear::new(1, 1));
    }
}
