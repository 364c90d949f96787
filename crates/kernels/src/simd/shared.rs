//! An output to which several tasks write, each to its own elements.

use super::operands::extent;
use std::marker::PhantomData;

/// An exclusively borrowed slice for several tasks, which promise to access different elements.
pub(crate) struct Shared<'a, E = f32> {
    data: *mut E,
    len: usize,
    borrow: PhantomData<&'a mut [E]>,
}

// Derived implementations would require elements that are `Clone` and `Copy`.
impl<E> Clone for Shared<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<E> Copy for Shared<'_, E> {}

// SAFETY: elements are accessed by `slice`, by `GridMut::new` or through the pointer of `rows`.
// These are unsafe, and their callers promise that no two tasks access the same element.
unsafe impl<E: Send> Send for Shared<'_, E> {}
// SAFETY: as above.
unsafe impl<E: Send> Sync for Shared<'_, E> {}

impl<'a, E> Shared<'a, E> {
    pub(crate) fn new(data: &'a mut [E]) -> Self {
        Shared { data: data.as_mut_ptr(), len: data.len(), borrow: PhantomData }
    }

    /// Returns the address of the first of `rows` rows of `cols` elements. Row i starts at element
    /// `at + i * stride`. The result is a pointer, not a slice. A slice would include the elements
    /// between the rows, and these can belong to other tasks.
    ///
    /// # Panics
    /// If the rows exceed the slice.
    #[inline(always)]
    pub(crate) fn rows(self, at: usize, rows: usize, stride: usize, cols: usize) -> *mut E {
        let end = at.saturating_add(extent(rows, stride, cols, 1));
        assert!(end <= self.len, "rows of {cols} elements end at {end} of {}", self.len);
        self.data.wrapping_add(at)
    }

    /// Returns `len` elements, starting with element `at`.
    ///
    /// # Safety
    /// The elements must be inside the slice, and no other task may access them while the result
    /// exists. Builds with debug assertions, such as tests, check the first condition.
    #[inline(always)]
    pub(crate) unsafe fn slice(self, at: usize, len: usize) -> &'a mut [E] {
        debug_assert!(at <= self.len && len <= self.len - at, "{len} elements from {at} of {}", self.len);
        // SAFETY: in bounds and exclusive by the caller's promise. The borrow outlives 'a.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(at), len) }
    }
}
