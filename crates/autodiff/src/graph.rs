//! The engine: it records a graph of operations and walks it backwards.
//!
//! Notation, in the whole crate: for a scalar L and an intermediate value x, x_bar ("x adjoint") is
//! dL/dx and has the shape of x. An operation y = f(a, b) has a *rule*, which computes the
//! contributions to a_bar and b_bar from y_bar.
//!
//! The engine does the following, so that a rule contains only calculus:
//!
//! * it evaluates the contribution to a gradient only if that gradient was requested
//!   ([`Backward::wrt`] takes a closure);
//! * it sums a contribution to the shape of its input if the input was broadcast;
//! * if a value is used several times, it adds up the contributions of all uses, in the order in
//!   which it walks the graph;
//! * it runs rules on [`Var`]s, so a backward pass can itself be recorded and differentiated.
//!
//! Nodes hold no values. The values that a rule needs are passed to [`record`] as `saved`. All
//! other values are freed in the forward pass.

mod free;

use crate::ops;
use adjoint_kernels::scoped::with_value;
use adjoint_tensor::{Element, Shape, Tensor};
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// A value and its node in the graph. A constant has no node.
#[derive(Clone)]
pub struct Var<E: Element> {
    value: Tensor<E>,
    node: Option<Rc<Node<E>>>,
}

type Rule<E> = Box<dyn Fn(&mut Backward<'_, E>)>;

/// A recorded operation or a leaf. A node that is created later has a larger id. So the order of
/// the ids is a topological order of the graph.
struct Node<E: Element> {
    id: u64,
    name: &'static str,
    shape: Shape,
    parents: Vec<Option<Rc<Node<E>>>>,
    rule: Option<Rule<E>>,
}

/// A leaf of the graph without its value. A gradient with respect to it can be requested.
/// [`Leaf::with`] gives the leaf a value, and the leaf can outlive that value.
#[derive(Clone)]
pub struct Leaf<E: Element>(Rc<Node<E>>);

impl<E: Element> Leaf<E> {
    /// Returns a new leaf for values of this shape.
    pub fn new(shape: Shape) -> Self {
        Leaf(Rc::new(Node { id: next_id(), name: "leaf", shape, parents: vec![], rule: None }))
    }

    /// Returns `value`, differentiable with respect to this leaf.
    ///
    /// # Panics
    /// If the shape of the value differs from that of the leaf.
    #[track_caller]
    pub fn with(&self, value: Tensor<E>) -> Var<E> {
        assert!(
            value.shape() == self.0.shape,
            "a leaf of shape {} got a value of shape {}",
            self.0.shape,
            value.shape()
        );
        Var { value, node: Some(self.0.clone()) }
    }
}

thread_local! {
    static RECORDING: Cell<bool> = const { Cell::new(true) };
    static NEXT_ID: Cell<u64> = const { Cell::new(0) };
}

fn next_id() -> u64 {
    NEXT_ID.replace(NEXT_ID.get() + 1)
}

/// Returns whether this thread records operations. If a rule calls this function, the result says
/// whether the backward pass is recorded and can be differentiated.
pub fn recording() -> bool {
    RECORDING.get()
}

/// Runs `f` without recording. The results of the operations in `f` are constants, and nothing is
/// saved for a backward pass.
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R {
    set_recording(false, f)
}

fn set_recording<R>(on: bool, f: impl FnOnce() -> R) -> R {
    with_value(&RECORDING, on, f)
}

/// Records that the operation `name` computed `y` from `inputs`. If no input is differentiable or
/// recording is off, the result is a constant.
///
/// `rule` is a plain `fn`, which cannot capture anything. So `saved` is all that the operation
/// keeps for its backward pass.
#[inline(never)]
pub fn record<'a, E: Element, S: 'static>(
    name: &'static str,
    y: Tensor<E>,
    inputs: impl AsRef<[&'a Var<E>]>,
    saved: S,
    rule: fn(&S, &mut Backward<'_, E>),
) -> Var<E> {
    let inputs = inputs.as_ref();
    if !recording() || inputs.iter().all(|x| x.node.is_none()) {
        return Var::constant(y);
    }
    Node::of(name, y, inputs, Box::new(move |backward| rule(&saved, backward)))
}

impl<E: Element> Node<E> {
    /// Returns `y` as the result of an operation. This is a separate function, so that its code is
    /// compiled once. [`record`] is compiled once for each type of `saved`.
    #[inline(never)]
    fn of(name: &'static str, y: Tensor<E>, inputs: &[&Var<E>], rule: Rule<E>) -> Var<E> {
        let parents = inputs.iter().map(|x| x.node.clone()).collect();
        let node = Node { id: next_id(), name, shape: y.shape(), parents, rule: Some(rule) };
        Var { value: y, node: Some(Rc::new(node)) }
    }
}

/// What a rule can use of the backward pass: y_bar, and the adjoints of its inputs.
pub struct Backward<'a, E: Element> {
    node: &'a Rc<Node<E>>,
    y_bar: Var<E>,
    needed: &'a HashSet<u64>,
    adjoints: &'a mut HashMap<u64, Var<E>>,
}

impl<E: Element> Backward<'_, E> {
    /// Returns whether the gradient with respect to input `i` is needed.
    pub fn needs(&self, i: usize) -> bool {
        self.node.parents[i].as_ref().is_some_and(|p| self.needed.contains(&p.id))
    }

    /// The gradient with respect to the operation's output.
    pub fn y_bar(&self) -> &Var<E> {
        &self.y_bar
    }

    /// Adds `contribution(y_bar)` to the adjoint of input `i`, if that adjoint is needed.
    ///
    /// # Panics
    /// If the contribution has neither the input's shape nor a shape to which the input broadcasts.
    pub fn wrt(&mut self, i: usize, contribution: impl FnOnce(&Var<E>) -> Var<E>) {
        if self.needs(i) {
            self.add(i, contribution(&self.y_bar));
        }
    }

    /// Adds `g` to the adjoint of input `i`. This is a separate function, so that its code is
    /// compiled once. [`wrt`](Self::wrt) is compiled once for each closure.
    #[inline(never)]
    fn add(&mut self, i: usize, g: Var<E>) {
        let Some(parent) = &self.node.parents[i] else { return };
        assert!(
            parent.shape.broadcasts_to(&g.shape()),
            "the rule of {} gave a gradient of shape {} for input {i} of shape {}",
            self.node.name,
            g.shape(),
            parent.shape
        );
        let g = if g.shape() == parent.shape { g } else { g.sum_to(parent.shape) };
        let g = match self.adjoints.remove(&parent.id) {
            None => g,
            Some(sum) => accumulate(sum, g),
        };
        self.adjoints.insert(parent.id, g);
    }

    /// Returns the operation's output `y` as a [`Var`]. A rule saves its output as a plain tensor.
    /// If the node saved a `Var` of its own output, it would hold a reference to itself and never
    /// be freed.
    pub fn output(&self, y: &Tensor<E>) -> Var<E> {
        Var { value: y.clone(), node: recording().then(|| self.node.clone()) }
    }

    /// Computes the gradients of a fused operation from its definition: it differentiates
    /// `definition`, which computes the same function with primitive operations. The result can be
    /// differentiated again, which the result of a fused kernel cannot.
    ///
    /// # Panics
    /// If the backward pass is not recorded ([`recording`]). The result of `definition` would then
    /// be a constant.
    pub fn by_definition(&mut self, inputs: &[&Var<E>], definition: impl FnOnce(&[&Var<E>]) -> Var<E>) {
        assert!(
            recording(),
            "cannot differentiate the definition of {} in a pass that is not recorded",
            self.node.name
        );
        // Gives each input a new node, so that this inner pass ends at the operation's inputs. Each
        // new node stays connected to the outer graph.
        let inner: Vec<Var<E>> = inputs.iter().map(|x| ops::identity(x)).collect();
        let inner: Vec<&Var<E>> = inner.iter().collect();
        let gradients = backward(&definition(&inner), self.y_bar.clone(), &inner, true);
        for (i, g) in gradients.into_iter().enumerate() {
            self.wrt(i, |_| g);
        }
    }
}

/// Returns a + b. If neither has a node and a does not share its memory, b is added to a in place.
fn accumulate<E: Element>(mut a: Var<E>, b: Var<E>) -> Var<E> {
    if a.node.is_none() && b.node.is_none() && a.value.is_unique() {
        a.value.update(&b.value, |a, b| a + b);
        return a;
    }
    &a + &b
}

/// Runs the backward pass from `y`, whose adjoint is `y_bar`, and returns the adjoints of `wrt`. If
/// `differentiable`, the pass is recorded.
#[inline(never)]
fn backward<E: Element>(y: &Var<E>, y_bar: Var<E>, wrt: &[&Var<E>], differentiable: bool) -> Vec<Var<E>> {
    set_recording(differentiable, || {
        let targets: HashSet<u64> = wrt.iter().filter_map(|x| x.node.as_ref().map(|n| n.id)).collect();
        let order = ancestors(y);
        let mut needed = HashSet::new();
        for node in &order {
            let leads_to_target = node.parents.iter().flatten().any(|p| needed.contains(&p.id));
            if leads_to_target || targets.contains(&node.id) {
                needed.insert(node.id);
            }
        }
        let mut adjoints = HashMap::new();
        if let Some(node) = &y.node {
            adjoints.insert(node.id, y_bar);
        }
        for node in order.iter().rev().filter(|n| needed.contains(&n.id)) {
            let is_target = targets.contains(&node.id);
            let y_bar = if is_target { adjoints.get(&node.id).cloned() } else { adjoints.remove(&node.id) };
            let (Some(y_bar), Some(rule)) = (y_bar, &node.rule) else { continue };
            rule(&mut Backward { node, y_bar, needed: &needed, adjoints: &mut adjoints });
        }
        let adjoint = |x: &&Var<E>| x.node.as_ref().and_then(|n| adjoints.get(&n.id).cloned());
        wrt.iter().map(|x| adjoint(x).unwrap_or_else(|| Var::constant(Tensor::zeros(x.shape())))).collect()
    })
}

/// Returns all nodes on which `y` depends, parents first.
fn ancestors<E: Element>(y: &Var<E>) -> Vec<Rc<Node<E>>> {
    let (mut order, mut seen) = (vec![], HashSet::new());
    let mut stack: Vec<_> = y.node.iter().cloned().collect();
    while let Some(node) = stack.pop() {
        if seen.insert(node.id) {
            stack.extend(node.parents.iter().flatten().cloned());
            order.push(node);
        }
    }
    order.sort_unstable_by_key(|n| n.id);
    order
}

impl<E: Element> Var<E> {
    /// Returns a value whose gradient cannot be requested.
    pub fn constant(value: Tensor<E>) -> Self {
        Var { value, node: None }
    }

    /// Returns a value whose gradient can be requested.
    pub fn leaf(value: Tensor<E>) -> Self {
        Leaf::new(value.shape()).with(value)
    }

    /// The value.
    pub fn value(&self) -> &Tensor<E> {
        &self.value
    }

    /// Returns the value without its node.
    pub fn into_value(self) -> Tensor<E> {
        self.value
    }

    /// The value's shape.
    pub fn shape(&self) -> Shape {
        self.value.shape()
    }

    /// The sizes of the value's axes.
    pub fn dims(&self) -> &[usize] {
        self.value.dims()
    }

    /// The only element.
    ///
    /// # Panics
    /// If the number of elements is not one.
    #[track_caller]
    pub fn item(&self) -> f64 {
        self.value.item()
    }

    /// The same value as a constant: no gradient flows through it.
    #[must_use]
    pub fn detach(&self) -> Self {
        Var::constant(self.value.clone())
    }

    /// Returns for each of `leaves` whether this value depends on it.
    pub fn depends_on(&self, leaves: &[&Var<E>]) -> Vec<bool> {
        let ids: HashSet<u64> = ancestors(self).iter().map(|n| n.id).collect();
        leaves.iter().map(|x| x.node.as_ref().is_some_and(|n| ids.contains(&n.id))).collect()
    }

    /// Returns the gradient of this value with respect to each of `wrt`. If the value is not a
    /// scalar, it returns the gradients of the sum of its elements. A gradient is zero if the value
    /// does not depend on the input.
    #[inline(never)]
    pub fn gradients(&self, wrt: &[&Var<E>]) -> Vec<Tensor<E>> {
        backward(self, self.ones(), wrt, false).into_iter().map(|g| g.value).collect()
    }

    /// Returns the same gradients as [`gradients`](Self::gradients), as values that can be
    /// differentiated again. Gradient penalties need this.
    #[inline(never)]
    pub fn differentiable_gradients(&self, wrt: &[&Var<E>]) -> Vec<Var<E>> {
        backward(self, self.ones(), wrt, true)
    }

    fn ones(&self) -> Var<E> {
        Var::constant(Tensor::full(self.shape(), E::ONE))
    }
}

impl<E: Element> std::fmt::Debug for Var<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Var({:?} from {})", self.value, self.node.as_ref().map_or("a constant", |n| n.name))
    }
}

#[cfg(test)]
mod tests;
