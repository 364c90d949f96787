//! Benches of loading the data of a training step: drawing a glyph, loading a batch, and a step of
//! a DCGAN whose images are tensors in memory or in the cache of a folder. The unit is images per
//! second.
#![allow(missing_docs)]

use std::cell::LazyCell;
use std::fs;
use std::path::{Path, PathBuf};

use adjoint_adversarial::{Round, Settings};
use adjoint_benches::Rate;
use adjoint_data::glyphs::{Glyphs, Palette};
use adjoint_data::{Batches, Dataset, Options, PixelRange, Prefetch, Split};
use adjoint_dcgan::{Architecture, dcgan};
use adjoint_nn::Stream;
use criterion::{Criterion, Throughput};

const BATCH: usize = 128;
/// Number of images of a folder. They are read in a random order.
const IMAGES: usize = 4096;

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

/// Times a batch from the cache of a folder, and a step of the default DCGAN with it or with the
/// same images in memory. A folder is drawn when the first bench that needs it runs, because a
/// filter can leave all of them out.
fn folders(c: &mut Criterion<Rate>) {
    let mut group = c.benchmark_group("loading");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (size, channels) in [(28, 1), (64, 3)] {
        let folder = LazyCell::new(|| Folder::draw(size));
        let load = || {
            let options = Options {
                image_size: size,
                channels: Some(channels),
                cache_dir: Some(folder.0.join("cache")),
                ..Options::default()
            };
            let images = folder.0.join("images");
            let images = images.to_str().expect("the directory of temporary files has a plain name");
            let data = Dataset::load(images, Split::Train, &options, None).expect("a folder of images");
            let mut batches = Batches::new(data, BATCH, 1, PixelRange::Symmetric).expect("a batch");
            // The first read of an image checks its SHA-256, and a run has many epochs.
            let epoch = 0..batches.steps_per_epoch();
            epoch.for_each(|step| drop(batches.batch(step).expect("a batch")));
            batches
        };
        // They outlive a bench, which calls its closure several times.
        let mut batches = LazyCell::new(load);
        let in_memory = LazyCell::new(|| {
            let mut batches = load();
            let steps = 0..batches.steps_per_epoch();
            steps.map(|step| batches.batch(step).expect("a batch").images).collect::<Vec<_>>()
        });
        let mut ahead = LazyCell::new(|| Prefetch::new(load()));
        let mut step = 0;
        group.bench_function(format!("batch 128 of {size}x{size} from a cache"), |b| {
            b.iter(|| {
                step += 1;
                batches.batch(step)
            });
        });

        let a =
            Architecture { image_size: size, channels, width: 16, latent: 100, ..Architecture::default() };
        let mut model = dcgan::<f32>(&a, Settings::default(), 1);
        let z = Stream::new(1, "noise", 0).uniform_tensor([BATCH, 100], -1.0, 1.0);
        group.bench_function(format!("dcgan-{size} width 16 batch 128, images in memory"), |b| {
            b.iter(|| {
                step += 1;
                let images = in_memory[step as usize % in_memory.len()].clone();
                model.step(step, [Round::new(images, z.clone())])
            });
        });
        group.bench_function(format!("dcgan-{size} width 16 batch 128, images in a cache"), |b| {
            b.iter(|| {
                step += 1;
                let batch = ahead.batch(step).expect("a batch");
                model.step(step, [Round::new(batch.images, z.clone())])
            });
        });
    }
    group.finish();
}

/// A temporary directory with a folder of images. It is removed at the end.
struct Folder(PathBuf);

impl Folder {
    /// Draws colored glyphs and writes them as BMP files, whose format is a header of 54 bytes and
    /// the pixels.
    fn draw(size: usize) -> Self {
        let directory = std::env::temp_dir().join(format!("adjoint-bench-{}-{size}", std::process::id()));
        let images = directory.join("images");
        fs::create_dir_all(&images).expect("a directory of temporary files");
        let folder = Self(directory);
        let glyphs = Glyphs::new(0, Split::Train, size, Palette::Rgb);
        let mut pixels = vec![0; glyphs.image_len()];
        for index in 0..IMAGES {
            glyphs.render(index, &mut pixels);
            write_bmp(&images.join(format!("{index}.bmp")), size, &pixels);
        }
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed stays in the directory of temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes a square of pixels of three bytes. The rows of the sizes here need no padding.
fn write_bmp(path: &Path, size: usize, pixels: &[u8]) {
    let side = size as u32;
    let mut file = b"BM".to_vec();
    let header = [54 + pixels.len() as u32, 0, 54, 40, side, side, 1 | 24 << 16, 0, 0, 0, 0, 0, 0];
    file.extend(header.iter().flat_map(|value: &u32| value.to_le_bytes()));
    file.extend_from_slice(pixels);
    fs::write(path, file).expect("an image");
}

fn main() {
    let mut c = Rate::images();
    glyphs(&mut c);
    folders(&mut c);
    c.final_summary();
}
