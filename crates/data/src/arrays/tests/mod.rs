//! Arrays that the tests write, and what they become.

mod content;
mod kept;
mod rejected;
mod zipped;

use std::fs;
use std::path::{Path, PathBuf};

use adjoint_npy::Dtype;
use tempfile::TempDir;

use super::*;
use crate::Digest;

/// Number of images of [`pixels`].
const IMAGES: usize = 20;
/// Height, width and channels of these images.
const SIZE: [usize; 3] = [4, 4, 3];
/// The header of these images in C order.
const SHAPE: [usize; 4] = [IMAGES, 4, 4, 3];

/// The pixels of all images: image, row, column, channel.
fn pixels() -> Vec<u8> {
    (0..IMAGES * 48).map(|k| (k * k % 256) as u8).collect()
}

/// The bytes of an array. `value` has the bytes of the element with an index in C order.
fn array(header: &Header, value: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    let count: usize = header.shape.iter().product();
    let mut order: Vec<usize> = (0..count).collect();
    if header.fortran_order {
        // The index with the axes in reverse order decides the place in the file.
        order.sort_by_key(|&index| {
            let mut rest = index;
            let axes = header.shape.iter().rev().map(|size| {
                let at = rest % size;
                rest /= size;
                at
            });
            axes.collect::<Vec<_>>()
        });
    }
    let mut bytes = header.to_bytes();
    for index in order {
        let mut element = value(index);
        if header.big_endian {
            element.reverse();
        }
        bytes.extend(element);
    }
    bytes
}

/// A header in C order, lowest byte first.
fn header(dtype: Dtype, shape: &[usize]) -> Header {
    Header { dtype, big_endian: false, fortran_order: false, shape: shape.to_vec() }
}

/// An array of bytes.
fn bytes(shape: &[usize], values: &[u8]) -> Vec<u8> {
    assert_eq!(values.len(), shape.iter().product());
    array(&header(Dtype::U8, shape), |index| vec![values[index]])
}

/// An array of `f32`.
fn floats(shape: &[usize], value: impl Fn(usize) -> f32) -> Vec<u8> {
    array(&header(Dtype::F32, shape), |index| value(index).to_le_bytes().to_vec())
}

/// An array of `i64` with one axis.
fn labels(values: &[i64]) -> Vec<u8> {
    array(&header(Dtype::I64, &[values.len()]), |index| values[index].to_le_bytes().to_vec())
}

/// A directory with array files.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

/// Options under which [`pixels`] are not resampled.
fn options() -> Options {
    Options { image_size: SIZE[0], ..Options::default() }
}

fn load(path: &Path, split: Split, options: &Options) -> Result<Box<dyn Images>, DataError> {
    Arrays::open(path, options)?.load(split, None)
}

/// All images of a split, one after another.
fn images(split: &dyn Images, channels: usize) -> Vec<u8> {
    let len = split.image_size() * split.image_size() * channels;
    let mut all = vec![0; split.labels().len() * len];
    for (index, image) in all.chunks_exact_mut(len).enumerate() {
        split.image(index, image).unwrap();
    }
    all
}

/// The index of each image of a split, by the order of the SHA-256 of its index.
fn order(split: &dyn Images, of: Split) -> Vec<u64> {
    let list = split.file_list().unwrap();
    let in_split = list.lines().filter(|line| line.starts_with(&of.to_string()));
    let mut indices: Vec<u64> =
        in_split.map(|line| line.rsplit('\t').next().unwrap().parse().unwrap()).collect();
    indices.sort_by_key(|index| Digest::of(&index.to_le_bytes()).bytes());
    indices
}

/// The images of both splits by their index in the file, and their fingerprint.
fn both_splits(path: &Path, options: &Options, channels: usize) -> (Vec<u8>, String) {
    let source = Arrays::open(path, options).unwrap();
    let splits = [Split::Train, Split::Test].map(|split| (split, source.load(split, None).unwrap()));
    let len = options.image_size * options.image_size * channels;
    let mut all = vec![0; count(&source.parts) * len];
    for (of, split) in &splits {
        let order = order(&**split, *of);
        assert_eq!(order.len(), split.labels().len());
        for (index, image) in order.into_iter().zip(images(&**split, channels).chunks_exact(len)) {
            all[index as usize * len..][..len].copy_from_slice(image);
        }
    }
    let fingerprints = splits.map(|(_, split)| split.fingerprint().unwrap().to_string());
    assert_eq!(fingerprints[0], fingerprints[1]);
    (all, fingerprints[0].clone())
}

/// Fails unless both opening and loading, or one of them, fail with a line that has all of `words`.
#[track_caller]
fn assert_fails(path: &Path, words: &[&str]) {
    let Err(error) = load(path, Split::Train, &options()) else {
        panic!("no error, where one with {words:?} was expected")
    };
    let text = error.to_string();
    assert!(!text.contains('\n'), "more than one line: {text}");
    words.iter().for_each(|word| assert!(text.contains(word), "\"{word}\" is not in: {text}"));
}
