//! Assumptions about the caches of a processor: L1 has at least 32 KiB and lines of 64 bytes, as on
//! all x86-64 processors with AVX2. See docs/design/matrix-products.md.

/// Length of a cache line: 64 bytes.
pub(crate) const LINE: usize = 16;

/// Number of sets of L1.
pub(crate) const L1_SETS: usize = 64;

/// Least number of lines in a set of L1.
pub(crate) const L1_WAYS: usize = 8;

/// Distance, 4 KiB, of numbers that map to the same set of L1. Rows at a multiple of this distance
/// evict each other.
pub(crate) const ALIAS: usize = L1_SETS * LINE;

/// Padding between rows, or between the points of Winograd's algorithm. With it, rows whose length
/// is a power of two map to different sets.
pub(crate) const PAD: usize = LINE;
