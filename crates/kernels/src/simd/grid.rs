//! Vectors at two strides, as the pixels of a tile lie and its points: found to be in their slice once, not one by one.

use super::{Shared, Simd};
use std::marker::PhantomData;

/// Where the vectors are: vector (i, j) starts at `at + i * stride[0] + j * stride[1]`, for i and j below `size`.
#[derive(Clone, Copy)]
pub(crate) struct Lattice {
    pub(crate) at: usize,
    pub(crate) size: [usize; 2],
    pub(crate) stride: [usize; 2],
}

impl Lattice {
    /// Offset of vector (i, j) from the first.
    ///
    /// # Panics
    /// If there is none; where i, j and the size are constants, no code asks.
    #[inline(always)]
    fn offset(&self, i: usize, j: usize) -> usize {
        assert!(i < self.size[0] && j < self.size[1], "vector ({i}, {j}) of {:?}", self.size);
        i * self.stride[0] + j * self.stride[1]
    }

    /// Numbers from the first of the first vector to the last of the last.
    #[inline(always)]
    fn extent(&self, lanes: usize) -> usize {
        let [down, across] = [0, 1].map(
            #[inline(always)]
            |a| self.size[a].saturating_sub(1).saturating_mul(self.stride[a]),
        );
        down.saturating_add(across).saturating_add(lanes)
    }
}

/// Vectors to read.
pub(crate) struct Grid<'a, S> {
    s: S,
    first: *const f32,
    lattice: Lattice,
    data: PhantomData<&'a [f32]>,
}

impl<'a, S: Simd> Grid<'a, S> {
    /// None if a vector leaves the slice.
    #[inline(always)]
    pub(crate) fn new(s: S, data: &'a [f32], lattice: Lattice) -> Option<Self> {
        if lattice.at.saturating_add(lattice.extent(S::LANES)) > data.len() {
            return None;
        }
        Some(Grid { s, first: data.as_ptr().wrapping_add(lattice.at), lattice, data: PhantomData })
    }

    /// Vector (i, j).
    #[inline(always)]
    pub(crate) fn load(&self, i: usize, j: usize) -> S::V {
        let from = self.first.wrapping_add(self.lattice.offset(i, j));
        // SAFETY: all vectors of the lattice lie in the slice.
        self.s.load(unsafe { std::slice::from_raw_parts(from, S::LANES) })
    }
}

/// Vectors to write.
pub(crate) struct GridMut<'a, S> {
    s: S,
    first: *mut f32,
    lattice: Lattice,
    data: PhantomData<&'a mut [f32]>,
}

impl<'a, S: Simd> GridMut<'a, S> {
    /// # Safety
    /// Nobody else accesses these vectors while the grid lives.
    ///
    /// # Panics
    /// If a vector leaves the slice.
    #[inline(always)]
    pub(crate) unsafe fn new(s: S, data: Shared<'a>, lattice: Lattice) -> Self {
        let first = data.rows(lattice.at, 1, 0, lattice.extent(S::LANES));
        GridMut { s, first, lattice, data: PhantomData }
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
        // SAFETY: all vectors of the lattice lie in the slice, and are ours while `self` lives.
        unsafe { std::slice::from_raw_parts_mut(to, S::LANES) }
    }
}
