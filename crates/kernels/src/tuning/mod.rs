//! Constants that were chosen for speed: sizes of tiles, blocks and tasks, and the shapes from
//! which a way to compute something pays off.
//!
//! | table | contents |
//! | --- | --- |
//! | [`PORTABLE`], [`AVX2`], [`AVX512`] | what differs between instruction sets |
//! | [`cache`] | what is assumed about the caches of a processor |
//! | [`tasks`] | how much work a task has, for all kernels |
//! | [`gemm`] | matrix products |
//! | [`conv2d`] | convolutions: the choice of a path, and all paths but Winograd's |
//! | [`winograd`] | Winograd's algorithm |
//!
//! A constant outside the first three tables has the same value for all instruction sets and
//! processors. To give one a value for each set, make it a field of [`InstructionSet`].
//!
//! Lengths are in numbers (`f32`, 4 bytes) unless stated otherwise. No constant depends on the
//! number of threads. Sizes of blocks, shares and chunks and the choice of a path determine the
//! order of additions: a change of one changes the last bits of results, which
//! `scripts/compare_bits.py` shows.
//!
//! The values were found with `cargo bench -p adjoint-benches`, old and new in turn. The decisions
//! behind them are in docs/design/, the measurements with their machines there and in
//! docs/performance/. Constants that are not about speed are where they are used.

// Without vector instructions, there is no micro-kernel and no choice of vectors.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]

pub(crate) mod cache;
pub(crate) mod conv2d;
pub(crate) mod gemm;
pub(crate) mod tasks;
pub(crate) mod winograd;

use crate::isa::Isa;

/// What differs between instruction sets.
pub(crate) struct InstructionSet {
    /// Rows of C in a tile of the micro-kernel (`simd/panel.rs`).
    pub(crate) tile_rows: usize,
    /// Columns of a panel of B and of a tile: whole vectors.
    pub(crate) panel: usize,
    /// Is a convolution from a padded image (`conv2d/direct/`) faster than one from patches?
    pub(crate) direct: bool,
    /// Are weight gradients by pairs of taps (`conv2d/direct/pairs.rs`) ever faster? They need
    /// 18 registers for sums and 9 for y.
    pub(crate) pairs: bool,
}

/// Plain Rust on any processor. Products are `matrixmultiply`'s, which has tiles of its own and
/// uses these in no program: only tests run our micro-kernel without vector instructions.
pub(crate) const PORTABLE: InstructionSet =
    InstructionSet { tile_rows: 8, panel: 64, direct: false, pairs: false };

/// 16 registers of 8 numbers: 6 x 2 registers of sums, 2 of B and 1 of A.
pub(crate) const AVX2: InstructionSet =
    InstructionSet { tile_rows: 6, panel: 16, direct: true, pairs: false };

/// 32 registers of 16 numbers: 8 x 2 registers of sums, or 12 x 2 where four rows would be left.
pub(crate) const AVX512: InstructionSet =
    InstructionSet { tile_rows: 8, panel: 32, direct: true, pairs: true };

impl InstructionSet {
    /// The table of the active instruction set.
    pub(crate) fn active() -> &'static InstructionSet {
        match Isa::active() {
            Isa::Portable => &PORTABLE,
            Isa::Avx2 => &AVX2,
            Isa::Avx512 => &AVX512,
        }
    }
}
