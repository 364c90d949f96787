//! An output that several tasks write to, each its own elements.

use super::operands::extent;
use std::marker::PhantomData;

/// An exclusively borrowed slice, handed to tasks that promise to touch different elements.
pub(crate) struct Shared<'a, E = f32> {
    data: *mut E,
    len: usize,
    borrow: PhantomData<&'a mut [E]>,
}

// Derived, they would need elements that can be copied.
impl<E> Clone for Shared<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<E> Copy for Shared<'_, E> {}

// SAFETY: elements are reached by `slice`, by `GridMut::new` or through the pointer of `rows`: all
// unsafe, and their callers promise that no two tasks touch the same element.
unsafe impl<E: Send> Send for Shared<'_, E> {}
// SAFETY: as above.
unsafe impl<E: Send> Sync for Shared<'_, E> {}

impl<'a, E> Shared<'a, E> {
    pub(crate) fn new(data: &'a mut [E]) -> Self {
        Shared { data: data.as_mut_ptr(), len: data.len(), borrow: PhantomData }
    }

    /// The address of the first of `rows` rows of `cols` elements, `stride` apart from `at` on. A
    /// pointer, not a slice: the rows of several tasks may alternate, and a slice would claim what
    /// is between its own rows.
    ///
    /// # Panics
    /// If they leave the slice.
    #[inline(always)]
    pub(crate) fn rows(self, at: usize, rows: usize, stride: usize, cols: usize) -> *mut E {
        let end = at.saturating_add(extent(rows, stride, cols, 1));
        assert!(end <= self.len, "rows of {cols} elements end at {end} of {}", self.len);
        self.data.wrapping_add(at)
    }

    /// `len` elements from `at` on.
    ///
    /// # Safety
    /// They are inside the slice (checked where debug assertions are on, so in every test), and
    /// nobody else accesses them while the result lives.
    #[inline(always)]
    pub(crate) unsafe fn slice(self, at: usize, len: usize) -> &'a mut [E] {
        debug_assert!(at <= self.len && len <= self.len - at, "{len} elements from {at} of {}", self.len);
        // SAFETY: in bounds and exclusive by the caller's promise; the borrow outlives 'a.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(at), len) }
    }
}
