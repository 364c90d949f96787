//! Winograd's algorithm (`conv2d/winograd/`). The decisions are in
//! docs/design/convolution-paths.md, docs/design/weight-gradients.md and docs/winograd.md.

/// Least number of channels of x and of y for Winograd's algorithm. With fewer channels, vectors
/// would be mostly padding, and the transforms would cost more than the products save.
pub(crate) const MIN_CHANNELS: [usize; 2] = [16; 2];
/// Least number of tiles for Winograd's algorithm. With fewer tiles, the transform of the filter
/// costs more than the products save.
pub(crate) const MIN_TILES: usize = 8;
/// Least number of channels of x and of y with packed phases (`conv2d/phases.rs`). Twelve channels
/// of x fill three quarters of a vector. With so few channels of x, the transforms cost more
/// relative to the products, so y needs more channels.
pub(crate) const MIN_PACKED_CHANNELS: [usize; 2] = [12, 32];
/// Least number of tiles with packed phases.
pub(crate) const MIN_PACKED_TILES: usize = 256;
/// Least ratio of the multiplications of the plain sum to those of Winograd's algorithm.
pub(crate) const MIN_GAIN: f64 = 1.3;

/// Number of tiles from which each task computes some tiles. With fewer tiles, each task computes
/// the products with some columns of the filter, unless the filter is small.
pub(crate) const MANY_TILES: usize = 256;
/// Largest length of a filter whose transform fits in the cache. With such a filter, each task
/// computes some tiles, for any number of tiles.
pub(crate) const SMALL_FILTER: usize = 16 * 1024;

/// Number of tasks below which the products of a task are divided too, unless they are small.
pub(crate) const MIN_TASKS: usize = 4;

/// Largest number of tiles of an image for which short tiles are used. With short tiles, a task is
/// a whole image. With larger images, these tasks would be few and large.
pub(crate) const MAX_TILES_IF_SHORT: usize = 64;
/// Number of columns of a transformed operand that are stored together as a block. The columns are
/// the inner dimension of a product, and the product is computed block by block.
pub(crate) const BLOCK: usize = 256;
/// Smallest number of channels, including padding, for which the transforms prefetch the pixels of
/// the next tile. With fewer, computing the addresses takes longer than waiting for the pixels.
pub(crate) const MIN_PREFETCH_CHANNELS: usize = 32;

/// Number of rows from the row of the filter that is transformed to the row whose weights are
/// prefetched (`filter.rs`).
pub(crate) const ROWS_AHEAD: usize = 8;

/// Products whose tasks are tiles (`by_tiles.rs`).
pub(crate) mod by_tiles {
    /// Number of tiles that a task computes at once. Their transforms and products stay in L2.
    pub(crate) const TILES: usize = 64;
    /// Number of tasks that a few threads can share evenly.
    pub(crate) const TASKS: usize = 8;
    /// Largest number of tiles of an image that are computed at once in the input gradient.
    pub(crate) const SMALL_IMAGE: usize = 256;
    /// Least number of rows or columns of tiles in a band of the input gradient. Each band computes
    /// one row or column more.
    pub(crate) const MIN_BAND: usize = 8;
}

/// Products whose tasks are columns of the filter (`by_columns.rs`).
pub(crate) mod by_columns {
    /// Number of tiles that one task transforms.
    pub(crate) const TILES: usize = 8;
    /// Number of columns of a task, or one panel if that is more.
    pub(crate) const COLUMNS: usize = 32;
    /// Number of rows of the filter that are transformed at once. Their points stay in L2.
    pub(crate) const ROWS: usize = 128;
    /// Number of rows of the filter that a task transforms if it does not have whole columns.
    pub(crate) const ROWS_OF_PART: usize = 16;
    // Rows that are transformed at once are in one block of an operand.
    const _: () = assert!(super::BLOCK.is_multiple_of(ROWS));
}

/// The weight gradient (`weight_grad.rs`).
pub(crate) mod weight_grad {
    /// Number of tiles of a round. Their transforms should stay in the cache until they are
    /// multiplied.
    pub(crate) const ROUND: usize = 256;
    /// Number of tiles that one task of a round transforms.
    pub(crate) const TILES: usize = 8;
    /// Number of rows of the filter in one task, for all 25 points.
    pub(crate) const ROWS: usize = 64;
    /// Number of columns of the filter in one task, if there are enough tasks.
    pub(crate) const COLUMNS: usize = 128;
    /// Least number of columns of the filter in one task.
    pub(crate) const MIN_COLUMNS: usize = 32;
    // The block of a task is in one block of each operand.
    const _: () = assert!(super::BLOCK.is_multiple_of(ROWS) && super::BLOCK.is_multiple_of(COLUMNS));
    /// Number of blocks of the filter that a few threads can share evenly. With fewer blocks, each
    /// point of a block is a task.
    pub(crate) const BLOCKS: usize = 8;
    /// Number of rows of a block that one task transforms back if each point of a block is a task.
    pub(crate) const ROWS_TO_FINISH: usize = 16;

    /// Largest length of a filter for which tasks are shares of the tiles. A task then adds to the
    /// sums of the filter at all points (3 MB) for every [`SHARE_TILES`] tiles.
    pub(crate) const SMALL_FILTER: usize = 32 * 1024;
    /// Number of tiles that a share transforms and multiplies at once. This is also the least
    /// number of tiles of a share.
    pub(crate) const SHARE_TILES: usize = 64;
    /// Least number of shares.
    pub(crate) const MIN_SHARES: usize = 4;
    /// Largest number of shares.
    pub(crate) const MAX_SHARES: usize = 16;
}
