//! Assumptions about the caches of a processor: L1 has at least 32 KiB and lines of 64 bytes, as on
//! all x86-64 processors with AVX2. See docs/design/matrix-products.md.

/// Length of a cache line in `f32` values: 64 bytes.
pub(crate) const LINE: usize = 16;

/// Number of sets of L1.
pub(crate) const L1_SETS: usize = 64;

/// Least number of lines in a set of L1.
pub(crate) const L1_WAYS: usize = 8;

/// Distance between two numbers that map to the same set of L1: 4 KiB. Rows of a matrix whose
/// distance is a multiple of it evict each other from L1.
pub(crate) const ALIAS: usize = L1_SETS * LINE;

/// Length of the padding after a row of a packed matrix, or after the numbers of a point of
/// Winograd's algorithm: one cache line. With it, rows whose length is a power of two map to
/// different sets of L1.
pub(crate) const PAD: usize = LINE;
