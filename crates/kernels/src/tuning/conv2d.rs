//! Convolutions: limits of memory, and the paths other than Winograd's. The decisions are in
//! docs/design/convolution-paths.md and docs/design/convolution-products.md.

/// Largest length of an intermediate array of a convolution, as a multiple of the length of all its
/// operands together.
pub(crate) const MAX_INTERMEDIATE: usize = 4;
/// Length up to which an intermediate array of a convolution is always acceptable: 4 MB.
pub(crate) const SMALL_INTERMEDIATE: usize = 1 << 20;

/// Matrix products over patches (`conv2d/products.rs`).
pub(crate) mod products {
    /// Number of output pixels whose patches are multiplied at once. With fewer pixels, packing the
    /// other operand would be too large a part of the work. With more, the patches would not fit in
    /// the cache.
    pub(crate) const TILE: usize = 256;
    /// The number that replaces [`TILE`] for layers of few pixels, so that there are enough tasks.
    pub(crate) const SMALL_TILE: usize = 128;
    /// The least number of pixels if there would be too few tasks otherwise: some rows of the
    /// micro-kernel.
    pub(crate) const FEWEST_PIXELS: usize = 8;
    /// Approximate largest length of the patches of a task of the input gradient.
    pub(crate) const MAX_PATCHES: usize = 1 << 19;
    /// Length of a patch that is enough for an efficient product.
    pub(crate) const PATCH: usize = 64;
    /// Approximate number of rows of W_bar that a task of the weight gradient computes. This is
    /// enough for an efficient product.
    pub(crate) const ROWS_OF_TASK: usize = 256;
    /// Least number of channels of a task that computes only a part of the channels. Its number of
    /// channels is a multiple of this number. With fewer channels, the other operand would be
    /// packed for too few products.
    pub(crate) const CHANNELS: usize = 32;
    /// The number that replaces [`CHANNELS`] if there would be too few tasks otherwise.
    pub(crate) const FEWEST_CHANNELS: usize = 8;
    /// Least number of channels of x of each tap, for a task of the weight gradient.
    pub(crate) const TAP_CHANNELS: usize = 16;
}

/// Windows read in place from a padded image (`conv2d/direct/`).
pub(crate) mod direct {
    /// Number of shares into which the weight gradient divides the images. The sums of the shares
    /// are added in order. If there are fewer images, this is also the least number of bands.
    pub(crate) const SHARES: usize = crate::tuning::tasks::TASKS;
    /// Largest length of the sums of all shares together: 16 MB.
    pub(crate) const MAX_PARTIAL: usize = 1 << 22;
    /// Largest length of a band of a padded image: 1 MB. A single row of windows may be longer.
    pub(crate) const MAX_BAND: usize = 1 << 18;
    /// Least number of columns of a band that does not have all columns: some tiles of the
    /// micro-kernel.
    pub(crate) const MIN_COLUMNS: usize = 32;
    /// A band with at most this number of columns may exceed [`MAX_BAND`].
    pub(crate) const MAX_COLUMNS: usize = 256;
    /// Least number of channels of a task that computes only a part of the channels: one panel. Its
    /// number of channels is a multiple of this number.
    pub(crate) const CHANNELS: usize = 32;
    /// The number that replaces [`CHANNELS`] if there would be too few tasks otherwise. The product
    /// of all taps still fills panels.
    pub(crate) const FEWEST_CHANNELS: usize = 4;
    /// Least number of rows of w, per kernel row, that a task computes: one tile of the
    /// micro-kernel.
    pub(crate) const MIN_ROWS_OF_W: usize = 8;
    /// Least number of channels of y. With fewer channels, most vectors would be partly empty.
    pub(crate) const MIN_OUT_CHANNELS: usize = 8;
}

/// Weight gradients by pairs of taps (`conv2d/direct/pairs.rs`). Their table is in
/// docs/design/convolution-paths.md.
pub(crate) mod pairs {
    /// Largest length of a band and its three images of differences, which stay in L2.
    pub(crate) const MAX_BAND: usize = 24 * 1024;
    /// Largest number of channels of all phases of x together. With more, the tiles of Winograd's
    /// algorithm are faster.
    pub(crate) const MAX_CHANNELS: usize = 16;
    /// Least number of tiles of 2 x 2 outputs in a band. With fewer tiles, it would cost too much
    /// to load and store the sums, which happens once per band.
    pub(crate) const MIN_TILES_OF_BAND: usize = 32;
    /// Least number of tiles of 2 x 2 outputs in all images together. With fewer tiles, it would
    /// cost too much to add the sums of all shares and combine them into w_bar, which happens once.
    pub(crate) const MIN_TILES: usize = 1024;
    /// Length of y_bar from which it is prefetched: 8 MB. Such an array is in L3 or in memory. The
    /// kernel reads only one vector of each pixel. The processor cannot predict these addresses, so
    /// its prefetcher does not load them.
    pub(crate) const MIN_PREFETCHED_Y: usize = 2 << 20;
}
