//! Vectors whose positions in a slice form a grid with two strides, such as the pixels of a tile or
//! the points of its transform. One check ensures that all vectors are inside their slice.

use super::{Shared, Simd};
use std::marker::PhantomData;

/// The positions of vectors: vector (i, j) starts at `at + i * stride[0] + j * stride[1]`, for i
/// and j below `size`.
#[derive(Clone, Copy)]
pub(crate) struct Lattice {
    pub(crate) at: usize,
    pub(crate) size: [usize; 2],
    pub(crate) stride: [usize; 2],
}

impl Lattice {
    /// Returns the start of vector (i, j) in the slice, modulo 2^64. i and j may be out of range.
    #[inline(always)]
    pub(crate) fn vector(&self, i: usize, j: usize) -> usize {
        self.at.wrapping_add(i * self.stride[0] + j * self.stride[1])
    }

    /// Returns the distance of vector (i, j) from the first vector.
    ///
    /// # Panics
    /// If (i, j) is out of range. If i, j and the size are constants, the check is compiled away.
    /// The message contains no number, so that the lattice need not be stored in memory for it.
    #[inline(always)]
    fn offset(&self, i: usize, j: usize) -> usize {
        assert!(i < self.size[0] && j < self.size[1], "no such vector in the lattice");
        i * self.stride[0] + j * self.stride[1]
    }

    /// Returns the number of elements from the start of the first vector to the end of the last.
    #[inline(always)]
    fn extent(&self, lanes: usize) -> usize {
        let down = self.size[0].saturating_sub(1).saturating_mul(self.stride[0]);
        let across = self.size[1].saturating_sub(1).saturating_mul(self.stride[1]);
        down.saturating_add(across).saturating_add(lanes)
    }
}

/// Vectors of a slice that are read.
pub(crate) struct Grid<'a, S> {
    s: S,
    first: *const f32,
    lattice: Lattice,
    borrow: PhantomData<&'a [f32]>,
}

impl<'a, S: Simd> Grid<'a, S> {
    /// Returns `None` if a vector exceeds the slice.
    #[inline(always)]
    pub(crate) fn new(s: S, data: &'a [f32], lattice: Lattice) -> Option<Self> {
        if lattice.at.saturating_add(lattice.extent(S::LANES)) > data.len() {
            return None;
        }
        Some(Grid { s, first: data.as_ptr().wrapping_add(lattice.at), lattice, borrow: PhantomData })
    }

    /// Loads vector (i, j).
    #[inline(always)]
    pub(crate) fn load(&self, i: usize, j: usize) -> S::V {
        let from = self.first.wrapping_add(self.lattice.offset(i, j));
        // SAFETY: all vectors of the lattice are in the slice.
        self.s.load(unsafe { std::slice::from_raw_parts(from, S::LANES) })
    }
}

/// Vectors of a slice that are read and written.
pub(crate) struct GridMut<'a, S> {
    s: S,
    first: *mut f32,
    lattice: Lattice,
    borrow: PhantomData<&'a mut [f32]>,
}

impl<'a, S: Simd> GridMut<'a, S> {
    /// # Safety
    /// No other thread may access these vectors while the grid exists.
    ///
    /// # Panics
    /// If a vector exceeds the slice.
    #[inline(always)]
    pub(crate) unsafe fn new(s: S, data: Shared<'a>, lattice: Lattice) -> Self {
        let first = data.rows(lattice.at, 1, 0, lattice.extent(S::LANES));
        GridMut { s, first, lattice, borrow: PhantomData }
    }

    /// Writes vector (i, j).
    #[inline(always)]
    pub(crate) fn store(&mut self, i: usize, j: usize, v: S::V) {
        let s = self.s;
        s.store(v, self.vector(i, j));
    }

    /// Adds to vector (i, j).
    #[inline(always)]
    pub(crate) fn add(&mut self, i: usize, j: usize, v: S::V) {
        let s = self.s;
        let to = self.vector(i, j);
        s.store(s.add(s.load(to), v), to);
    }

    #[inline(always)]
    fn vector(&mut self, i: usize, j: usize) -> &mut [f32] {
        let to = self.first.wrapping_add(self.lattice.offset(i, j));
        // SAFETY: all vectors of the lattice are in the slice. Only `self` accesses them while it
        // exists.
        unsafe { std::slice::from_raw_parts_mut(to, S::LANES) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Portable;

    const LATTICE: Lattice = Lattice { at: 3, size: [2, 3], stride: [40, 9] };
    /// The number of elements up to the end of the last vector.
    const NEEDED: usize = 3 + 40 + 2 * 9 + Portable::LANES;

    #[test]
    fn vectors_are_where_the_lattice_says() {
        let mut data: Vec<f32> = (0..NEEDED).map(|i| i as f32).collect();
        let grid = Grid::new(Portable, &data, LATTICE).expect("it fits");
        assert_eq!(grid.load(0, 0)[0], 3.0);
        assert_eq!(grid.load(1, 2)[Portable::LANES - 1], NEEDED as f32 - 1.0);
        // SAFETY: only this test accesses `data`.
        let mut grid = unsafe { GridMut::new(Portable, Shared::new(&mut data), LATTICE) };
        grid.store(0, 1, Portable.splat(-1.0));
        grid.add(1, 2, Portable.splat(0.5));
        assert_eq!(data[11..13], [11.0, -1.0]);
        assert_eq!(data[NEEDED - 1], NEEDED as f32 - 0.5);
    }

    #[test]
    fn a_grid_that_exceeds_its_slice_is_none() {
        let data = [0.0; NEEDED];
        assert!(Grid::new(Portable, &data[1..], LATTICE).is_none());
        assert!(Grid::new(Portable, &data, Lattice { at: usize::MAX, ..LATTICE }).is_none());
        assert!(Grid::new(Portable, &data, Lattice { stride: [usize::MAX; 2], ..LATTICE }).is_none());
    }

    #[test]
    #[should_panic(expected = "end at")]
    fn a_grid_to_write_that_leaves_its_slice_panics() {
        // SAFETY: only this test accesses the slice.
        unsafe { GridMut::new(Portable, Shared::new(&mut [0.0; NEEDED - 1]), LATTICE) };
    }

    #[test]
    #[should_panic(expected = "no such vector")]
    fn a_vector_beyond_the_lattice_panics() {
        Grid::new(Portable, &[0.0; 1000], LATTICE).expect("it fits").load(2, 0);
    }
}
