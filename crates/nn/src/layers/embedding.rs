//! Embedding: a table with one trained row per index.

use crate::param::{Param, Role};
use crate::{Element, Var, module};

/// A table with one trained vector per index: maps indices to `[number of indices, features]`.
pub struct Embedding<E: Element> {
    /// The table, `[rows, features]`.
    pub weight: Param<E>,
}
module!(Embedding { weight });

impl<E: Element> Embedding<E> {
    /// Creates a table of `rows` vectors with `features` elements each.
    pub fn new(rows: usize, features: usize) -> Self {
        Embedding { weight: Param::new([rows, features], Role::Table) }
    }

    /// Returns the vectors at `indices`, in this order.
    ///
    /// # Panics
    /// If an index is not less than the number of rows.
    #[track_caller]
    pub fn forward(&self, indices: &[usize]) -> Var<E> {
        let [rows, features] = self.weight.shape().matrix();
        if let Some(index) = indices.iter().find(|&&i| i >= rows) {
            panic!("Embedding({rows} x {features}): index {index} is out of range");
        }
        self.weight.var().gather_rows(indices)
    }

    /// Returns weighted sums of all vectors, `[N, features]`, for weights `[N, rows]`. A one-hot
    /// row of weights selects one vector.
    ///
    /// # Panics
    /// If the number of columns of `weights` is not the number of vectors.
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
