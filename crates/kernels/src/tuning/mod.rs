//! Constants that were chosen for speed: the sizes of tiles, blocks and tasks, and the shapes from
//! which a path pays off.
//!
//! | table | contents |
//! | --- | --- |
//! | [`PORTABLE`], [`AVX2`], [`AVX512`] | the constants that differ between instruction sets |
//! | [`cache`] | assumptions about the caches of a processor |
//! | [`tasks`] | the amount of work of a task, for all kernels |
//! | [`gemm`] | matrix products |
//! | [`conv2d`] | convolutions: the choice of a path, and all paths except Winograd's |
//! | [`winograd`] | Winograd's algorithm |
//!
//! The constants in [`cache`], [`tasks`], [`gemm`], [`conv2d`] and [`winograd`] have the same
//! values for all instruction sets and processors. There are two exceptions. A constant that needs
//! a value for each instruction set becomes a field of [`InstructionSet`]. A size of the blocks of
//! a matrix product that needs a value for each processor is a field of [`gemm::Blocks`].
//!
//! Lengths are numbers of `f32` values (4 bytes) unless stated otherwise. No constant depends on
//! the number of threads.
//!
//! The order of additions depends on the sizes of shares and chunks ([`tasks`], [`gemm::shares`],
//! [`conv2d`]), on the blocks of Winograd's products ([`winograd`]) and on the choice of a path. If
//! one of these changes, the last bits of results change too, so they must not differ between
//! processors. `scripts/compare_bits.py` shows which results change. The sizes of blocks, tiles and
//! packing of a matrix product do not change any bit. See docs/design/determinism.md.
//!
//! The values were found with `cargo bench -p adjoint-benches`, with alternating runs of the old
//! and the new code. docs/design/ explains the decisions. The measurements and the machines that
//! they were made on are in docs/design/ and docs/performance/. Constants that do not affect speed
//! are defined in the files that use them.

// The portable path has no micro-kernel and no choice of vectors, so some constants are unused.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]

pub(crate) mod cache;
pub(crate) mod conv2d;
pub(crate) mod gemm;
pub(crate) mod tasks;
pub(crate) mod winograd;

use crate::isa::Isa;

/// The constants that differ between instruction sets.
pub(crate) struct InstructionSet {
    /// The number of rows of C in a tile of the micro-kernel (`simd/panel.rs`).
    pub(crate) tile_rows: usize,
    /// The number of columns of a panel of B and of a tile of C. It is a multiple of the vector
    /// length.
    pub(crate) panel: usize,
    /// The number of rows of C in a wide tile of the micro-kernel.
    pub(crate) wide_rows: usize,
    /// The number of columns of a wide panel of B, which [`gemm::Blocks`] can choose.
    pub(crate) wide_panel: usize,
    /// Whether a convolution from a padded image (`conv2d/direct/`) is faster than one from
    /// patches.
    pub(crate) direct: bool,
    /// Whether weight gradients by pairs of taps (`conv2d/direct/pairs.rs`) can be faster than the
    /// other paths. They need 18 vector registers for sums and 9 for y.
    pub(crate) pairs: bool,
}

/// The constants for plain Rust, which runs on any processor. Only tests use these tile sizes, to
/// run our micro-kernel without vector instructions. Programs without vector instructions use
/// `matrixmultiply`, which has its own tile sizes.
pub(crate) const PORTABLE: InstructionSet =
    InstructionSet { tile_rows: 8, panel: 64, wide_rows: 6, wide_panel: 64, direct: false, pairs: false };

/// The constants for AVX2, which has 16 registers of 8 numbers. The micro-kernel uses 6 x 2
/// registers for sums, 2 for B and 1 for A.
pub(crate) const AVX2: InstructionSet =
    InstructionSet { tile_rows: 6, panel: 16, wide_rows: 6, wide_panel: 16, direct: true, pairs: false };

/// The constants for AVX-512, which has 32 registers of 16 numbers. The micro-kernel uses 8 x 2
/// registers for sums. It uses 12 x 2 if four rows of C would remain otherwise, and 6 x 4 in wide
/// panels.
pub(crate) const AVX512: InstructionSet =
    InstructionSet { tile_rows: 8, panel: 32, wide_rows: 6, wide_panel: 64, direct: true, pairs: true };

impl InstructionSet {
    /// Returns the table of the active instruction set.
    pub(crate) fn active() -> &'static InstructionSet {
        match Isa::active() {
            Isa::Portable => &PORTABLE,
            Isa::Avx2 => &AVX2,
            Isa::Avx512 => &AVX512,
        }
    }
}
