//! Matrix products (`gemm/`) and their micro-kernel (`simd/panel.rs`). The decisions are in
//! docs/design/matrix-products.md and docs/design/prefetching.md.

use crate::isa::Isa;
use crate::simd::Simd;

/// The sizes of the blocks of a product. They may differ between processors, because they do not
/// change the bits of a product: a test compares the bits of many values. To tune a processor, add
/// a constant, list it in [`Blocks::ALL`], and choose it in [`Blocks::active`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocks {
    /// Largest number of rows of a block of B in a product A B. A block of A has the same number of
    /// columns. A panel of a block of B then fits in L1.
    pub(crate) kc: usize,
    /// Approximate number of rows of a tile of C if A has many rows. The part of a block of A that
    /// the tile needs then fits in L2.
    pub(crate) mc: usize,
    /// Largest number of columns of a tile of C. It is rounded up to whole panels.
    pub(crate) nc: usize,
    /// Largest number of rows of A for which a tile of C starts with as many rows as A. (The tile
    /// is divided later if there would be too few tasks.)
    pub(crate) one_tile: usize,
    /// Number of rows with which a tile of C is high enough to be worth a separate reading of B. At
    /// least 8.
    pub(crate) low_tile: usize,
    /// A tile of C with at most this many rows is not halved. At least 8.
    pub(crate) min_tile: usize,
    /// Largest number of columns of a column-major A that is read in place. With at most this many
    /// columns, a cache line of each column stays in L1 until the following rows of A have used the
    /// rest of the line.
    pub(crate) columns_in_place: usize,
    /// Number of rows of A from which packing B pays off if all rows of B map to the same sets of
    /// L1.
    pub(crate) rows_if_aliased: usize,
    /// Number of rows of A from which packing B pays off in two other cases where a panel of B does
    /// not stay in L1: its rows map to few sets of L1, or they do not start at cache lines.
    pub(crate) rows_if_large: usize,
    /// Whether the micro-kernel computes wide panels, and tiles of few rows
    /// ([`InstructionSet::wide_panel`]). This takes fewer loads per multiplication. The panels do
    /// not stay in L1. A row-major A is then always read in place, because the rows of a tile are
    /// few enough to be in the same set of L1. A column-major A is packed in tiles.
    ///
    /// [`InstructionSet::wide_panel`]: crate::tuning::InstructionSet::wide_panel
    pub(crate) wide: bool,
    /// Least length of a transformed filter of a convolution whose next panel is prefetched into
    /// L2, while the micro-kernel multiplies a panel (`conv2d/winograd/by_tiles.rs`).
    pub(crate) prefetched_filter: usize,
}

impl Blocks {
    /// The sizes found on AMD Zen 3, Zen 4 and Zen 5. All other processors use them
    /// too, except Intel processors with AVX-512.
    pub(crate) const ZEN: Blocks = Blocks {
        kc: 256,
        mc: 384,
        nc: 512,
        one_tile: 512,
        low_tile: 64,
        min_tile: 16,
        columns_in_place: 64,
        rows_if_aliased: 24,
        rows_if_large: 256,
        wide: false,
        prefetched_filter: usize::MAX,
    };

    /// The sizes found on an Intel Xeon with AVX-512, 48 KB of L1 and 2 MB of L2. Other Intel
    /// processors with AVX-512 were not measured and use them too.
    pub(crate) const XEON: Blocks = Blocks {
        kc: 512,
        mc: 96,
        nc: 2048,
        columns_in_place: 256,
        rows_if_large: 512,
        wide: true,
        prefetched_filter: 1 << 18,
        ..Blocks::ZEN
    };

    /// All sizes that a product can use.
    pub(crate) const ALL: [Blocks; 2] = [Blocks::ZEN, Blocks::XEON];

    /// Returns the sizes for this processor and the active instruction set.
    pub(crate) fn active() -> &'static Blocks {
        #[cfg(target_arch = "x86_64")]
        if Isa::active() == Isa::Avx512 && crate::simd::is_intel() {
            return &Blocks::XEON;
        }
        &Blocks::ZEN
    }

    /// Returns the number of columns of a panel.
    pub(crate) fn panel<S: Simd>(&self) -> usize {
        if self.wide { S::WIDE_PANEL } else { S::PANEL }
    }

    /// Returns whether a product can be divided by these sizes.
    pub(crate) const fn is_valid(&self) -> bool {
        let Blocks { kc, mc, nc, one_tile, low_tile, min_tile, .. } = *self;
        kc > 0 && mc > 0 && nc > 0 && one_tile > 0 && low_tile >= 8 && min_tile >= 8
    }
}

const _: () = {
    let mut row = 0;
    while row < Blocks::ALL.len() {
        assert!(Blocks::ALL[row].is_valid());
        row += 1;
    }
};

/// The division of a long inner dimension into shares (`gemm/blocked/shares.rs`). The sums of the
/// shares are added, so these constants define the order of additions. They must be the same for
/// all processors and independent of the sizes of blocks (docs/design/determinism.md).
pub(crate) mod shares {
    /// Least length of a share.
    pub(crate) const MIN_LEN: usize = 1024;
    /// Largest number of shares.
    pub(crate) const MAX_SHARES: usize = crate::tuning::tasks::TASKS;
    /// Number of rows of a part of C, and number of vectors in one of its rows.
    pub(crate) const PART: [usize; 2] = [64, 4];
    /// If C has at least this number of parts, there are enough tasks without shares.
    pub(crate) const MANY_PARTS: usize = crate::tuning::tasks::TASKS / 2;
}

/// Length of the largest B that is read in place if A has more than
/// [`Blocks::one_tile`] rows. A larger B
/// is packed, because its panels are read several times and its rows are on many pages.
pub(crate) const MAX_B_IN_PLACE: usize = 1 << 18;
/// Number of rows of A that one task packs.
pub(crate) const PACKED_ROWS: usize = 32;
/// Largest number of columns of a row-major B that one task packs.
pub(crate) const PACKED_COLUMNS: usize = 256;
/// Number of rows of B from the row that is packed to the row that is prefetched.
pub(crate) const PACKED_ROWS_AHEAD: usize = 8;

/// Number of rows of B from the row in use to the row that the micro-kernel prefetches. To use that
/// many rows takes hundreds of cycles, as long as a load from L3.
pub(crate) const ROWS_AHEAD: usize = 32;
/// If A is column-major, the micro-kernel prefetches B only for tiles with at least this many
/// vectors of accumulators. For a smaller tile, the prefetches cost more than they save.
pub(crate) const PREFETCHING_TILE: usize = 16;
/// Number of steps of the inner dimension between two prefetches of cache lines of the next panel
/// of B. Prefetching all lines of a panel at once would delay the loads that the micro-kernel needs
/// now.
pub(crate) const STEPS_PER_PREFETCH: usize = 32;

/// Largest number of rows and columns of a tile of C whose products `matrixmultiply` computes.
pub(crate) const PORTABLE_TILE: [usize; 2] = [256, 512];
/// Least length of an axis along which a tile for `matrixmultiply` is halved.
pub(crate) const PORTABLE_MIN_TILE: usize = 32;
