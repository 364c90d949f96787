//! C <- A B in `f32` with vector instructions, after Goto & van de Geijn 2008.
//!
//! ```text
//!     for each tile of C                                                      (parallel)
//!         for each block of k                      loop over the inner dimension
//!             for each panel of the tile           256 x 32 numbers of B, in L1
//!                 micro-kernel                     the tile's rows of A, in L2
//! ```
//!
//! The micro-kernel reads whole vectors of the rows of B. A row-major B that fits in the caches is
//! read in place, except columns that do not fill a vector. If A has only a hundred rows, copying B
//! would take a noticeable part of the time. Any other B is packed in panels. If each tile has all
//! rows of A, only one task uses a panel, and it packs the panel just before use. (If a tile is
//! split into two, two tasks use its panels.) Otherwise all panels are packed before the tasks
//! start, and the tasks share them. A is also read in place if its rows are in different sets of
//! the L1 cache. Otherwise it is packed before the tasks start.
//!
//! With [`Blocks::XEON`], panels are twice as wide and do not stay in L1. In exchange, the few rows
//! of A that a tile of the micro-kernel needs stay there, even if they are in the same set.
//!
//! Each element of C adds its products in the order of the inner dimension, because the
//! micro-kernel continues from C. So the bits do not depend on the sizes of blocks and tiles, or on
//! packing.
//!
//! Three kinds of products are computed in another way. A product with a single column is computed
//! as its transpose. A row times a transposed matrix is computed as dot products. A small C with a
//! long inner dimension is computed as a sum of shares. The last two kinds have another order of
//! additions, so the choice depends on the shape, the strides and the instruction set alone.
//!
//! | file | contents |
//! | --- | --- |
//! | `tiles.rs` | sizes of blocks, panels and tiles from [`Blocks`], the tiles of C |
//! | `packing.rs` | the choice and the packing of operands |
//! | `product.rs` | a product with its packed operands, block by block and panel by panel |
//! | `shares.rs` | a long inner dimension as a sum of shares |
//! | `dot.rs` | a row times a transposed matrix as dot products |

mod dot;
mod packing;
mod product;
mod shares;
#[cfg(test)]
mod tests;
mod tiles;

use super::{Mat, Update};
use crate::memory::Scratch;
use crate::parallel;
use crate::simd::{Shared, Simd};
use crate::tuning::gemm::Blocks;
use dot::row_times_transposed;
use packing::b_is_read_in_place;
pub(crate) use packing::copy;
use product::Product;
use shares::Shares;
use tiles::{Tiles, block_size};

/// C <- A B, or C + A B. `c` is row-major and `m` x `n`. The bits do not depend on `blocks`.
pub(super) fn gemm<S: Simd>(s: S, blocks: &Blocks, [a, b]: [Mat<'_, f32>; 2], into: Update, c: &mut [f32]) {
    debug_assert!(blocks.is_valid(), "{blocks:?}");
    let (m, k, n) = (a.rows, a.cols, b.cols);
    if n == 1 && m > 1 {
        return gemm(s, blocks, [b.t(), a.t()], into, c);
    }
    if m == 1 && b.col_stride > 1 && a.col_stride == 1 {
        return row_times_transposed(s, a.data, b, into, c);
    }
    if let Some(shares) = Shares::of::<S>([m, k, n]) {
        return shares.gemm(s, blocks, [a, b], into, c);
    }
    let tiles = Tiles::new::<S>(blocks, [m, n], b_is_read_in_place(blocks, &a, &b));
    let kc = block_size(blocks, k);
    let product = Product::new(s, [a, b], blocks, kc, &tiles, |tasks, f| parallel::for_each(tasks, f));
    let c = Shared::new(c);
    let scratch = Scratch::reserve([kc * blocks.panel::<S>()]);
    parallel::for_each(tiles.tasks(), |task| {
        let [rows, columns] = tiles.get(task);
        let [mut panel] = scratch.take();
        // SAFETY: the caller checked the size of C, and the tiles of different tasks are disjoint.
        unsafe { product.tile(rows, columns, into, c, panel.as_mut_slice()) };
    });
}
