//! Frees graphs of any depth. A node that dropped its parents in place would need a stack frame for
//! every operation of a chain.

use super::Node;
use adjoint_tensor::Element;
use std::any::Any;
use std::cell::RefCell;

thread_local! {
    /// Parts of dropped nodes that are still to be dropped; `None` while no node is dropped.
    static REMAINS: RefCell<Option<Vec<Box<dyn Any>>>> = const { RefCell::new(None) };
}

impl<E: Element> Drop for Node<E> {
    /// Queues what the node owns. The first node of a chain drops all that is queued.
    fn drop(&mut self) {
        let remains: Box<dyn Any> = Box::new((std::mem::take(&mut self.parents), self.rule.take()));
        let first = REMAINS.with_borrow_mut(|queue| {
            let first = queue.is_none();
            queue.get_or_insert_default().push(remains);
            first
        });
        if !first {
            return;
        }
        while let Some(remains) = REMAINS.with_borrow_mut(|queue| queue.as_mut().and_then(Vec::pop)) {
            drop(remains);
        }
        REMAINS.set(None);
    }
}
