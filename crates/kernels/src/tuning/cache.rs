//! What is assumed about the caches of a processor: L1 of 32 KiB or more with lines of 64 bytes, as
//! on all x86-64 processors with AVX2. docs/design/matrix-products.md.

/// Length of a cache line: 64 bytes.
pub(crate) const LINE: usize = 16;

/// Sets of L1.
pub(crate) const L1_SETS: usize = 64;

/// Lines in a set of L1, at least.
pub(crate) const L1_WAYS: usize = 8;

/// Numbers at this distance, 4 KiB, share a set of L1. Rows at a multiple of it evict each other.
pub(crate) const ALIAS: usize = L1_SETS * LINE;

/// Padding between rows, or between the points of Winograd's algorithm, so that they are in
/// different sets although their length is a power of two.
pub(crate) const PAD: usize = LINE;
