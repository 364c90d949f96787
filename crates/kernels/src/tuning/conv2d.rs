//! Convolutions: limits of memory, and the paths other than Winograd's.
//! docs/design/convolution-paths.md and docs/design/convolution-products.md.

/// Length of the largest intermediate array that a path may use, compared with all operands.
pub(crate) const MAX_INTERMEDIATE: usize = 4;
/// Length of an intermediate array that is always acceptable: 4 MB.
pub(crate) const SMALL_INTERMEDIATE: usize = 1 << 20;

/// Matrix products over patches (`conv2d/products.rs`).
pub(crate) mod products {
    /// Output pixels whose patches are multiplied at once. With fewer, packing the other operand
    /// would be too large a part of the work. With more, the patches would not fit in the cache.
    pub(crate) const TILE: usize = 256;
    /// The same for layers of few pixels, so that there are enough tasks.
    pub(crate) const SMALL_TILE: usize = 128;
    /// Approximate length of the patches of a task of the input gradient, at most.
    pub(crate) const MAX_PATCHES: usize = 1 << 19;
    /// Length of a patch that is enough for an efficient product.
    pub(crate) const PATCH: usize = 64;
    /// Approximate number of rows of W_bar that a task of the weight gradient computes: enough for
    /// an efficient product.
    pub(crate) const ROWS_OF_TASK: usize = 256;
    /// Channels of a task, or a multiple, where it does not have all: with fewer, the other operand
    /// would be packed for too few products.
    pub(crate) const CHANNELS: usize = 32;
    /// The same for the channels of x in the weight gradient, of each tap.
    pub(crate) const TAP_CHANNELS: usize = 16;
}

/// Windows read in place from a padded image (`conv2d/direct/`).
pub(crate) mod direct {
    /// Shares of the images in the weight gradient, whose sums are added in order; and the least
    /// number of bands where there are fewer images.
    pub(crate) const SHARES: usize = crate::tuning::tasks::TASKS;
    /// Length of the sums of all shares together, at most: 16 MB.
    pub(crate) const MAX_PARTIAL: usize = 1 << 22;
    /// Length of a band of a padded image, at most, unless it is a single row of windows: 1 MB.
    pub(crate) const MAX_BAND: usize = 1 << 18;
    /// Columns of a band that has not all of them, at least: some tiles of the micro-kernel.
    pub(crate) const MIN_COLUMNS: usize = 32;
    /// A band with no more columns is not cut for being larger than [`MAX_BAND`].
    pub(crate) const MAX_COLUMNS: usize = 256;
    /// Channels of a task, or a multiple, where it does not have all: a panel.
    pub(crate) const CHANNELS: usize = 32;
    /// Numbers of a kernel row of w that a task computes, at least: a tile of the micro-kernel.
    pub(crate) const MIN_ROWS_OF_W: usize = 8;
    /// Channels of y below which most vectors would be partly empty.
    pub(crate) const MIN_OUT_CHANNELS: usize = 8;
}

/// Weight gradients by pairs of taps (`conv2d/direct/pairs.rs`). docs/winograd.md has their table.
pub(crate) mod pairs {
    /// Length of a band and its three images of differences, at most: they stay in L2.
    pub(crate) const MAX_BAND: usize = 24 * 1024;
    /// Channels of all phases of x together, at most. With more, the tiles of Winograd's algorithm
    /// are faster.
    pub(crate) const MAX_CHANNELS: usize = 16;
    /// Least number of tiles of 2 x 2 outputs in a band: the sums are loaded and stored once for
    /// each band.
    pub(crate) const MIN_TILES_OF_BAND: usize = 32;
    /// Least number of tiles of 2 x 2 outputs in all images: the sums of all shares are added, and
    /// combined into w_bar, once.
    pub(crate) const MIN_TILES: usize = 1024;
    /// Length of y_bar from which it is prefetched, 8 MB: it is then in L3 or memory, and the
    /// kernel reads it one vector of each pixel at a time, which the processor cannot predict.
    pub(crate) const FAR: usize = 2 << 20;
}
