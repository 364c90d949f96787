//! The memory of the conversion of an array. Alone in its process, because it is measured there.
#![cfg(target_os = "linux")]
#![allow(missing_docs)]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use adjoint_data::npy::{Dtype, Header};
use adjoint_data::{Dataset, Options, Split};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Number of images, and height and width of each.
const SHAPE: [usize; 3] = [500, 512, 512];

/// The greatest resident memory of this process so far, in bytes.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// Writes black images.
fn archive(path: &Path) {
    let mut writer = ZipWriter::new(File::create(path).unwrap());
    writer.start_file("x.npy", SimpleFileOptions::default()).unwrap();
    let header = Header { dtype: Dtype::U8, big_endian: false, fortran_order: false, shape: SHAPE.to_vec() };
    writer.write_all(&header.to_bytes()).unwrap();
    let image = vec![0; SHAPE[1] * SHAPE[2]];
    (0..SHAPE[0]).for_each(|_| writer.write_all(&image).unwrap());
    writer.finish().unwrap();
}

/// A small archive can have a large array. It is read as a stream.
#[test]
fn a_small_archive_needs_little_memory() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("black.npz");
    archive(&path);
    let array: usize = SHAPE.iter().product();
    assert!(path.metadata().unwrap().len() < array as u64 / 100);
    for cache_dir in [None, Some(place.path().join("caches"))] {
        let before = peak();
        let options = Options { image_size: 16, cache_dir, ..Options::default() };
        let train = Dataset::load(&path, Split::Train, &options, None).unwrap();
        assert!((400..500).contains(&train.len()));
        let needed = peak() - before;
        assert!(needed < array / 8, "{needed} bytes for an array of {array}");
    }
}
