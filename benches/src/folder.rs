//! A folder of drawn images, for benches of loading.

use std::fs;
use std::path::{Path, PathBuf};

use adjoint_data::glyphs::{Glyphs, Palette};
use adjoint_data::{Batches, Dataset, Options, PixelRange, Split};

/// Number of images of a folder. They are read in a random order.
const IMAGES: usize = 4096;

/// A temporary directory with a folder of images and its cache. It is removed at the end.
pub struct Folder {
    directory: PathBuf,
    size: usize,
}

impl Folder {
    /// Draws coloured glyphs of `size` x `size` pixels and writes them as BMP files, whose format
    /// is a header of 54 bytes and the pixels.
    ///
    /// # Panics
    /// If a file cannot be written.
    pub fn draw(size: usize) -> Self {
        let directory = std::env::temp_dir().join(format!("adjoint-bench-{}-{size}", std::process::id()));
        let images = directory.join("images");
        fs::create_dir_all(&images).expect("a directory of temporary files");
        let folder = Self { directory, size };
        let glyphs = Glyphs::new(0, Split::Train, size, Palette::Rgb);
        let mut pixels = vec![0; glyphs.image_len()];
        for index in 0..IMAGES {
            glyphs.render(index, &mut pixels);
            write_bmp(&images.join(format!("{index}.bmp")), size, &pixels);
        }
        folder
    }

    /// Returns batches of `batch_size` images of `channels` channels. Their images are in the cache
    /// and have been read once: the first read checks a digest, and a run has many epochs.
    ///
    /// # Panics
    /// If the folder cannot be loaded.
    pub fn batches(&self, channels: usize, batch_size: usize) -> Batches {
        let options = Options {
            image_size: self.size,
            channels: Some(channels),
            cache_dir: Some(self.directory.join("cache")),
            ..Options::default()
        };
        let images = self.directory.join("images");
        let images = images.to_str().expect("the directory of temporary files has a plain name");
        let data = Dataset::load(images, Split::Train, &options, None).expect("a folder of images");
        let mut batches = Batches::new(data, batch_size, 1, PixelRange::Symmetric).expect("a batch");
        let epoch = 0..batches.steps_per_epoch();
        epoch.for_each(|step| drop(batches.batch(step).expect("a batch")));
        batches
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed stays in the directory of temporary files.
        let _ = fs::remove_dir_all(&self.directory);
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
