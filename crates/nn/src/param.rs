//! Trainable tensors, each with a value, a leaf of the graph for requesting gradients, and a role
//! in its layer. Also unit vectors that are not trained.

use adjoint_autodiff::Var;
use adjoint_autodiff::graph::Leaf;
use adjoint_tensor::{Element, Shape, Stream, Tensor};

/// The number of inputs on which one output of a layer depends, and the number of outputs that
/// depend on one input. Initialisers choose the variance of a weight from these numbers, so that
/// the outputs of a layer have the same variance as its inputs (Glorot & Bengio 2010; He et al.
/// 2015).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fans {
    /// Number of inputs per output.
    pub fan_in: f64,
    /// Number of outputs per input.
    pub fan_out: f64,
}

/// The role of a parameter in its layer, which determines how the parameter is initialised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// A matrix or convolution kernel that multiplies the inputs of a layer.
    Weight(Fans),
    /// A bias, which is added to the outputs of a weight with these fans.
    Bias(Fans),
    /// gamma, the scale of a normalisation.
    Scale,
    /// beta, the shift of a normalisation.
    Shift,
    /// A table of rows, as in an embedding.
    Table,
}

/// A trainable tensor of a layer.
///
/// The value is NaN until a [`Scheme`](crate::Scheme) draws it or a state is loaded, so that a
/// missing initialisation is noticed.
pub struct Param<E: Element> {
    value: Tensor<E>,
    leaf: Leaf<E>,
    role: Role,
}

impl<E: Element> Param<E> {
    /// Creates a parameter whose value is NaN.
    pub fn new(shape: impl Into<Shape>, role: Role) -> Self {
        let shape = shape.into();
        Param { value: Tensor::full(shape, E::of(f64::NAN)), leaf: Leaf::new(shape), role }
    }

    /// The value as a leaf of the graph, with respect to which gradients can be requested.
    pub fn var(&self) -> Var<E> {
        self.leaf.with(self.value.clone())
    }

    /// The value.
    pub fn value(&self) -> &Tensor<E> {
        &self.value
    }

    /// Mutable access to the value, whose shape must not change.
    pub fn value_mut(&mut self) -> &mut Tensor<E> {
        &mut self.value
    }

    /// The shape.
    pub fn shape(&self) -> Shape {
        self.value.shape()
    }

    /// The role in the layer.
    pub fn role(&self) -> Role {
        self.role
    }
}

/// A unit vector `[n, 1]` that is saved but not trained, for example the estimate of a power
/// iteration.
///
/// The vector is random, because the structure of a weight can make a fixed vector orthogonal to
/// the range of the weight. [`new`](Self::new) draws the vector from a stream that depends on n
/// only. A [`Scheme`](crate::Scheme) draws it again, from the stream of the vector's name.
pub struct Direction<E: Element>(Tensor<E>);

impl<E: Element> Direction<E> {
    /// Creates a random direction in `n` dimensions.
    pub fn new(n: usize) -> Self {
        let mut direction = Direction(Tensor::zeros([n, 1]));
        direction.draw(&mut Stream::new(0, "direction", n as u64));
        direction
    }

    /// The vector.
    pub fn value(&self) -> &Tensor<E> {
        &self.0
    }

    /// Mutable access to the vector, whose shape must not change.
    pub fn value_mut(&mut self) -> &mut Tensor<E> {
        &mut self.0
    }

    /// Draws a new direction from the uniform distribution on the unit sphere.
    pub fn draw(&mut self, stream: &mut Stream) {
        self.0 = direction(&stream.normal_tensor(self.0.shape(), 0.0, 1.0), &self.0);
    }
}

/// Returns x divided by its length, or `old` if x is 0 or not finite.
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
