//! Matrix products (`gemm/`) and their micro-kernel (`simd/panel.rs`). The decisions are in
//! docs/design/matrix-products.md and docs/design/prefetching.md.

/// Largest number of rows of a block of B, which is also the number of columns of a block of A. A
/// panel of B with 32 columns then fits in L1.
pub(crate) const KC: usize = 256;
/// Approximate number of rows of a tile if A has many rows. The tile's part of a block of A fits in
/// L2.
pub(crate) const MC: usize = 384;
/// Largest number of rows of A for which one tile has all of them.
pub(crate) const ONE_TILE: usize = 512;
/// Largest number of columns of a tile.
pub(crate) const NC: usize = 512;
/// Number of rows from which a tile is worth reading B once more.
pub(crate) const LOW_TILE: usize = 64;
/// Least number of rows of a tile.
pub(crate) const MIN_TILE: usize = 16;
/// Least number of blocks of the inner dimension in a share, if C is small and the inner dimension
/// is long.
pub(crate) const BLOCKS_OF_SHARE: usize = 4;

/// Largest B that is read in place if A has more than [`ONE_TILE`] rows. A larger B is packed,
/// because its panels are read several times and its rows are on many pages.
pub(crate) const MAX_B_IN_PLACE: usize = 1 << 18;
/// Largest number of columns of a column-major A that is read in place. With at most this many
/// columns, a cache line of each column stays in L1 until the following rows of A have used the
/// rest of the line.
pub(crate) const MAX_COLUMNS_IN_PLACE: usize = 64;
/// Smallest number of rows of A for which packing B pays off when all rows of B map to the same
/// sets of L1.
pub(crate) const ROWS_IF_ALIASED: usize = 24;
/// Number of rows of A from which packing B pays off if a panel of B does not stay in L1 for
/// another reason: its rows map to few sets, or do not start at cache lines.
pub(crate) const ROWS_IF_LARGE: usize = 256;
/// Number of rows of A that one task packs.
pub(crate) const PACKED_ROWS: usize = 32;

/// Distance, in rows of B, from the row in use to the row that the micro-kernel prefetches. The
/// distance covers hundreds of cycles, which is the latency of L3.
pub(crate) const ROWS_AHEAD: usize = 32;
/// If A is column-major, the micro-kernel prefetches B only for tiles with at least this many
/// vectors of accumulators. For a smaller tile, the prefetches cost more than they save.
pub(crate) const PREFETCHING_TILE: usize = 16;
/// Number of steps of the inner dimension between two prefetches of lines of the next panel.
/// Prefetching all lines of a panel at once would delay the loads of the tile.
pub(crate) const STEPS_PER_PREFETCH: usize = 32;

/// Largest number of rows and columns of a task's tile where `matrixmultiply` computes the
/// products.
pub(crate) const PORTABLE_TILE: [usize; 2] = [256, 512];
/// A tile of `matrixmultiply` is not halved along an axis where it is smaller than this.
pub(crate) const PORTABLE_MIN_TILE: usize = 32;
