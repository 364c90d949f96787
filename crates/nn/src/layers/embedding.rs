use crate::param::{Param, Role};
use crate::{Element, Var, module};

/// A learned vector for each of a number of things: indices to `[indices, features]`.
pub struct Embedding<E: Element> {
    /// `[things, features]`.
    pub weight: Param<E>,
}
module!(Embedding { weight });

impl<E: Element> Embedding<E> {
    /// A table of `things` vectors of `features` numbers.
    pub fn new(things: usize, features: usize) -> Self {
        Embedding { weight: Param::new([things, features], Role::Table) }
    }

    /// The vectors of these things, in order.
    ///
    /// # Panics
    /// If there is no such thing.
    #[track_caller]
    pub fn forward(&self, indices: &[usize]) -> Var<E> {
        let [things, features] = self.weight.shape().matrix();
        if let Some(index) = indices.iter().find(|&&i| i >= things) {
            panic!("Embedding({things} x {features}): index {index} is out of range");
        }
        self.weight.var().gather_rows(indices)
    }

    /// Sums of vectors by `weights` (N, things): a one-hot row picks its vector.
    ///
    /// # Panics
    /// If the weights have another number of columns than there are things.
    #[track_caller]
    pub fn mix(&self, weights: &Var<E>) -> Var<E> {
        weights.matmul(&self.weight.var())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Module, Tensor};

    #[test]
    fn one_hot_rows_pick_vectors() {
        let rows = Var::constant(Tensor::from_slice([2, 3], &[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]));
        assert_eq!(table().mix(&rows).value().data(), table().forward(&[2, 0]).value().data());
    }

    fn table() -> Embedding<f64> {
        let mut table = Embedding::new(3, 2);
        let weight = Tensor::from_slice([3, 2], &[0.0, 1.0, 10.0, 11.0, 20.0, 21.0]);
        table.load_state(&[("weight".into(), weight)]).unwrap();
        table
    }

    #[test]
    fn looks_rows_up_and_returns_their_gradients() {
        let table = table();
        let y = table.forward(&[2, 0, 2]);
        assert_eq!(y.value().data(), [20.0, 21.0, 0.0, 1.0, 20.0, 21.0]);
        assert_eq!(y.gradients(&[&table.weight.var()])[0].data(), [1.0, 1.0, 0.0, 0.0, 2.0, 2.0]);
    }

    #[test]
    #[should_panic(expected = "Embedding(3 x 2): index 3 is out of range")]
    fn names_what_does_not_fit() {
        table().forward(&[0, 3]);
    }
}
