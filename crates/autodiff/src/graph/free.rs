//! Frees graphs of any depth without recursion. If each node dropped its parents directly, freeing
//! a chain of operations would need one stack frame per operation.

use super::Node;
use adjoint_tensor::Element;
use std::any::Any;
use std::cell::RefCell;

thread_local! {
    /// Parts of dropped nodes that are not freed yet; `None` while no node is being dropped.
    static DROPPED: RefCell<Option<Vec<Box<dyn Any>>>> = const { RefCell::new(None) };
}

impl<E: Element> Drop for Node<E> {
    /// Puts everything that the node owns into [`DROPPED`]. If no other node is being dropped, this
    /// call then frees everything in [`DROPPED`]. Nodes that are dropped meanwhile only add to it.
    fn drop(&mut self) {
        let parts: Box<dyn Any> = Box::new((std::mem::take(&mut self.parents), self.rule.take()));
        let first = DROPPED.with_borrow_mut(|queue| {
            let first = queue.is_none();
            queue.get_or_insert_default().push(parts);
            first
        });
        if !first {
            return;
        }
        while let Some(parts) = DROPPED.with_borrow_mut(|queue| queue.as_mut().and_then(Vec::pop)) {
            drop(parts);
        }
        DROPPED.set(None);
    }
}
