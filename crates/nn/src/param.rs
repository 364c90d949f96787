//! A trainable tensor: a value, the identity that gradients are requested of, and the part it plays
//! in its layer. And a unit vector that is not trained.

use adjoint_autodiff::Var;
use adjoint_autodiff::graph::Leaf;
use adjoint_tensor::{Element, Shape, Stream, Tensor};

/// How many numbers a unit of a layer reads and how many units read one of its inputs: what the
/// variance of a weight is chosen by, so that signals keep theirs (Glorot & Bengio 2010; He et al.
/// 2015).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fans {
    /// Inputs of one output.
    pub fan_in: f64,
    /// Outputs of one input.
    pub fan_out: f64,
}

/// The part that a parameter plays, which says how it is initialised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// Multiplies a layer's inputs: matrices and convolution kernels.
    Weight(Fans),
    /// Is added to the outputs of a weight with these fans.
    Bias(Fans),
    /// gamma, the scale of a normalisation.
    Scale,
    /// beta, the shift of a normalisation.
    Shift,
    /// Rows to be looked up.
    Table,
}

/// A trainable tensor of a layer.
///
/// It is NaN until a [`Scheme`](crate::Scheme) draws it or a state is loaded, so that a forgotten
/// one cannot pass for an initialised one.
pub struct Param<E: Element> {
    value: Tensor<E>,
    leaf: Leaf<E>,
    role: Role,
}

impl<E: Element> Param<E> {
    /// A parameter to be initialised.
    pub fn new(shape: impl Into<Shape>, role: Role) -> Self {
        let shape = shape.into();
        Param { value: Tensor::full(shape, E::of(f64::NAN)), leaf: Leaf::new(shape), role }
    }

    /// The value, as a point of the graph that gradients can be requested of.
    pub fn var(&self) -> Var<E> {
        self.leaf.with(self.value.clone())
    }

    /// The value.
    pub fn value(&self) -> &Tensor<E> {
        &self.value
    }

    /// The value, to be written. Its shape has to stay.
    pub fn value_mut(&mut self) -> &mut Tensor<E> {
        &mut self.value
    }

    /// The shape.
    pub fn shape(&self) -> Shape {
        self.value.shape()
    }

    /// The part it plays in its layer.
    pub fn role(&self) -> Role {
        self.role
    }
}

/// A unit vector `[n, 1]` that is saved, not trained: the start of an iteration.
///
/// It is drawn, so that no weight is orthogonal to it by construction; from a stream of its size
/// when it is made, and from the stream of its own name by a [`Scheme`](crate::Scheme).
pub struct Direction<E: Element>(Tensor<E>);

impl<E: Element> Direction<E> {
    /// A direction among `n` axes.
    pub fn new(n: usize) -> Self {
        let mut direction = Direction(Tensor::zeros([n, 1]));
        direction.draw(&mut Stream::new(0, "direction", n as u64));
        direction
    }

    /// The vector.
    pub fn value(&self) -> &Tensor<E> {
        &self.0
    }

    /// The vector, to be written. Its shape has to stay.
    pub fn value_mut(&mut self) -> &mut Tensor<E> {
        &mut self.0
    }

    /// Draws it anew; all directions are equally likely.
    pub fn draw(&mut self, stream: &mut Stream) {
        self.0 = direction(&stream.normal_tensor(self.0.shape(), 0.0, 1.0), &self.0);
    }
}

/// x divided by its length. If x has no direction, because it is 0 or not finite, the `old` one.
pub(crate) fn direction<E: Element>(x: &Tensor<E>, old: &Tensor<E>) -> Tensor<E> {
    let per_length = E::of(x.sum_of_squares().sqrt().recip());
    let exists = per_length.is_finite() && per_length > E::ZERO;
    if exists { x.map(move |x| per_length * x) } else { old.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_var_of_a_parameter_is_the_same_leaf() {
        let mut p = Param::<f64>::new([2], Role::Shift);
        assert!(p.value().data().iter().all(|x| x.is_nan()));
        *p.value_mut() = Tensor::from_slice([2], &[3.0, -1.0]);
        let y = p.var() * p.var();
        assert_eq!(y.gradients(&[&p.var()])[0].data(), [6.0, -2.0]);
    }
}
