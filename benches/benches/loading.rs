//! Benches of loading the data of a training step: drawing a glyph, and making a batch. The unit is
//! images per second. The example `loading_cost` compares whole steps.
#![allow(missing_docs)]

use std::cell::LazyCell;

use adjoint_benches::{Folder, Rate};
use adjoint_data::glyphs::{Glyphs, Palette};
use adjoint_data::{Batches, Dataset, Options, PixelRange, Split};
use criterion::{Criterion, Throughput};

const BATCH: usize = 128;

/// Times drawing one glyph, and a batch of glyphs that have been drawn.
fn glyphs(c: &mut Criterion<Rate>) {
    let mut group = c.benchmark_group("loading");
    group.throughput(Throughput::Elements(1));
    let (drawn, mut index) = (Glyphs::new(0, Split::Train, 28, Palette::Gray), 0);
    let mut image = vec![0; drawn.image_len()];
    group.bench_function("glyph 28x28, drawn", |b| {
        b.iter(|| {
            drawn.render(index % drawn.len(), &mut image);
            index += 1;
        });
    });

    group.throughput(Throughput::Elements(BATCH as u64));
    let mut batches = LazyCell::new(|| {
        let glyphs = Dataset::load("glyphs", Split::Train, &Options::default(), None).expect("built in");
        glyphs.draw_all();
        Batches::new(glyphs, BATCH, 1, PixelRange::Symmetric).expect("a batch")
    });
    let mut step = 0;
    group.bench_function("batch 128 of 28x28", |b| {
        b.iter(|| {
            step += 1;
            batches.batch(step)
        });
    });
    group.finish();
}

/// Times a batch from the cache of a folder. The folder is drawn when its bench runs, because a
/// filter can leave it out.
fn folders(c: &mut Criterion<Rate>) {
    let mut group = c.benchmark_group("loading");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (size, channels) in [(28, 1), (64, 3)] {
        let folder = LazyCell::new(|| Folder::draw(size));
        // It outlives the bench, which calls its closure several times.
        let mut batches = LazyCell::new(|| folder.batches(channels, BATCH));
        let mut step = 0;
        group.bench_function(format!("batch 128 of {size}x{size} from a cache"), |b| {
            b.iter(|| {
                step += 1;
                batches.batch(step)
            });
        });
    }
    group.finish();
}

fn main() {
    let mut c = Rate::images();
    glyphs(&mut c);
    folders(&mut c);
    c.final_summary();
}
