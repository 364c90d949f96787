//! Matrix products.
//!
//! Source: Giles 2008, Collected matrix derivative results for forward and reverse mode algorithmic
//! differentiation.

use crate::Var;
use crate::graph::record;
use adjoint_tensor::Element;

impl<E: Element> Var<E> {
    /// y = a b for matrices a (m x k) and b (k x n). dy = da b + a db, so a_bar = y_bar b^T,
    /// b_bar = a^T y_bar.
    ///
    /// # Panics
    /// If an operand is not a matrix or the inner dimensions differ.
    #[must_use]
    #[track_caller]
    pub fn matmul(&self, b: &Var<E>) -> Self {
        self.matmul_flags(false, b, false)
    }

    /// y = A B, where A is a or, if `transpose_a` is set, its transpose. B is b or, if
    /// `transpose_b` is set, its transpose.
    ///
    /// With y_ij = sum over p of A_ip B_pj, A_bar_ip = sum over j of y_bar_ij B_pj: A_bar = y_bar
    /// B^T, B_bar = A^T y_bar. If an operand is transposed, so is its gradient: a_bar = A_bar^T = B
    /// y_bar^T, b_bar = B_bar^T = y_bar^T A.
    ///
    /// # Panics
    /// As [`Var::matmul`].
    #[must_use]
    #[track_caller]
    pub fn matmul_flags(&self, transpose_a: bool, b: &Var<E>, transpose_b: bool) -> Self {
        let y = self.value().matmul(transpose_a, b.value(), transpose_b);
        let saved = [(self.clone(), transpose_a), (b.clone(), transpose_b)];
        record("matmul", y, [self, b], saved, |[(a, ta), (b, tb)], bw| {
            bw.wrt(0, |g| if *ta { b.matmul_flags(*tb, g, true) } else { g.matmul_flags(false, b, !tb) });
            bw.wrt(1, |g| if *tb { g.matmul_flags(true, a, *ta) } else { a.matmul_flags(!ta, g, false) });
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::Var;
    use crate::gradcheck::{assert_cases, random_size, random_tensor};
    use adjoint_tensor::Shape;

    #[test]
    fn gradients() {
        for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
            assert_cases(&format!("matmul {ta} {tb}"), 100, |s| {
                let [m, k, n] = [random_size(s), random_size(s), random_size(s)];
                let a = Shape::new(&if ta { [k, m] } else { [m, k] });
                let b = Shape::new(&if tb { [n, k] } else { [k, n] });
                let inputs = vec![random_tensor(s, a, &[]), random_tensor(s, b, &[])];
                (inputs, move |x: &[Var<f64>]| x[0].matmul_flags(ta, &x[1], tb))
            });
        }
    }
}
