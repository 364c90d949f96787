//! Matrix products (`gemm/`) and their micro-kernel (`simd/panel.rs`).
//! docs/design/matrix-products.md and docs/design/prefetching.md.

/// Largest number of rows of a block of B, which are the columns of a block of A. With 32 columns,
/// such a panel of B fits in L1.
pub(crate) const KC: usize = 256;
/// Approximate number of rows of a tile where A has many. Their part of a block of A fits in L2.
pub(crate) const MC: usize = 384;
/// An A with up to this many rows is one tile high.
pub(crate) const ONE_TILE: usize = 512;
/// Largest number of columns of a tile.
pub(crate) const NC: usize = 512;
/// Number of rows from which a tile is worth reading B once more.
pub(crate) const LOW_TILE: usize = 64;
/// Least number of rows of a tile.
pub(crate) const MIN_TILE: usize = 16;
/// Least number of blocks of the inner dimension in a share, where C is small and the inner
/// dimension is long.
pub(crate) const BLOCKS_OF_SHARE: usize = 4;

/// A larger B, with more than [`ONE_TILE`] rows of A, is packed: its panels are read several times,
/// and its rows are on many pages.
pub(crate) const MAX_B_IN_PLACE: usize = 1 << 18;
/// A column-major A is read in place if it has no more columns than this: the cache lines of all
/// columns then stay in L1 until the next rows read the rest of them.
pub(crate) const MAX_COLUMNS_IN_PLACE: usize = 64;
/// Number of rows of A from which packing B pays off if all rows of B share the same sets of L1.
pub(crate) const ROWS_IF_ALIASED: usize = 24;
/// The same if a panel of B does not stay in L1 for another reason: its rows share few sets, or do
/// not start at cache lines.
pub(crate) const ROWS_IF_LARGE: usize = 256;
/// Rows of A that one task packs.
pub(crate) const PACKED_ROWS: usize = 32;

/// Distance, in rows of B, of the row that the micro-kernel prefetches from the row in use:
/// hundreds of cycles, as long as the way to L3 and back.
pub(crate) const ROWS_AHEAD: usize = 32;
/// Vectors of sums in a tile from which the micro-kernel prefetches B beside a column-major A. For
/// a smaller tile, the prefetches cost more than they save.
pub(crate) const PREFETCHING_TILE: usize = 16;
/// Steps of the inner dimension after which the micro-kernel prefetches some more lines of the next
/// panel. All lines of a panel at once would delay the loads of the tile.
pub(crate) const STEPS_PER_PREFETCH: usize = 32;

/// Largest number of rows and columns of a task's tile where products are `matrixmultiply`'s.
pub(crate) const PORTABLE_TILE: [usize; 2] = [256, 512];
/// Such a tile is not halved along an axis where it has less than this.
pub(crate) const PORTABLE_MIN_TILE: usize = 32;
