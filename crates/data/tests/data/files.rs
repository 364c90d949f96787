//! Tests reading complete and damaged files.

use std::fs;

use adjoint_data::idx::Idx;
use adjoint_data::{
    Batches, Damage, DataError, Dataset, Digest, Downloader, Manifest, Options, PixelRange, Split,
};
use flate2::Compression;

use crate::support::{ITEMS, Place, Tiny, assert_damage, gzip, gzip_at, idx, message};

/// The result of `Idx::read` for a file with these bytes.
fn read(bytes: &[u8]) -> Result<Idx, DataError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, bytes).unwrap();
    Idx::read(&path, 1 << 20)
}

#[test]
fn idx_files_of_every_rank_are_read() {
    for dims in [&[6_u32][..], &[2, 3], &[1, 2, 3], &[3, 1, 1, 2], &[0], &[4, 0]] {
        let len = dims.iter().product::<u32>() as usize;
        let data: Vec<u8> = (0..len as u8).collect();
        let plain = idx(dims, &data);
        for bytes in [plain.clone(), gzip(&plain)] {
            let idx = read(&bytes).unwrap();
            assert_eq!(idx.dims, dims.iter().map(|&size| size as usize).collect::<Vec<_>>());
            assert_eq!(idx.data, data);
            assert_eq!(idx.digest, Digest::of(&plain));
        }
    }
}

#[test]
fn headers_are_not_believed() {
    let length = |announced, found| Damage::Length { announced, found };
    assert_damage(read(&[]), Damage::NoHeader);
    assert_damage(read(&[0, 0, 8]), Damage::NoHeader);
    assert_damage(read(&idx(&[5, 5], &[])[..11]), Damage::NoHeader);
    assert_damage(read(&[0, 0, 8, 0]), Damage::Magic([0, 0, 8, 0]));
    assert_damage(read(&[0, 0, 8, 5, 0, 0, 0, 0]), Damage::Magic([0, 0, 8, 5]));
    assert_damage(read(&[0, 0, 0x0d, 1, 0, 0, 0, 0]), Damage::Magic([0, 0, 0x0d, 1]));
    assert_damage(read(b"<html>"), Damage::Magic(*b"<htm"));
    assert_damage(read(&idx(&[7], &[0; 6])), length(7, 6));
    assert_damage(read(&idx(&[7], &[0; 8])), length(7, 8));
    assert_damage(read(&gzip(&idx(&[7], &[0; 8]))), length(7, 8));
    assert_damage(read(&idx(&[1 << 31, 28, 28], &[0; 28 * 28])), length((1 << 31) * 784, 784));
    assert_damage(read(&idx(&[u32::MAX; 4], &[0; 9])), length(u128::from(u32::MAX).pow(4), 9));
}

#[test]
fn broken_gzip_names_its_damage() {
    let whole = gzip(&idx(&[1000], &(0..1000).map(|i| (i * i % 251) as u8).collect::<Vec<u8>>()));
    for kept in [3, 10, whole.len() / 2, whole.len() - 1] {
        assert_damage(read(&whole[..kept]), Damage::CutShort);
    }
    // A wrong byte in the stream, and one in its checksum.
    for position in [whole.len() / 2, whole.len() - 6] {
        let mut bytes = whole.clone();
        bytes[position] ^= 0x55;
        assert_damage(read(&bytes), Damage::Corrupt);
    }
    for rest in [&b"!"[..], b"\0!", b"\0\0\0\x1e\x8b"] {
        assert_damage(read(&[&whole[..], rest].concat()), Damage::TrailingBytes);
    }
    // A damaged second member is rejected like a damaged first member. The second member is cut
    // short, has an unknown method or has a wrong checksum.
    for kept in [1, 9, whole.len() - 1] {
        assert_damage(read(&[&gzip(&[]), &whole[..kept]].concat()), Damage::CutShort);
    }
    let mut wrong = whole.clone();
    wrong[whole.len() - 6] ^= 1;
    for second in [&b"\x1f\x8b\x09\0\0\0\0\0\0\0"[..], b"\x1f!!!!!!!!!!!", &wrong] {
        assert_damage(read(&[&gzip(&[]), second].concat()), Damage::Corrupt);
    }
}

/// Files of several members are read as gzip and Python's gzip read them. Such files come from
/// bgzip, `gzip >> file` and tapes.
#[test]
fn gzip_files_of_many_members_are_read() {
    let data: Vec<u8> = (0..1000).map(|i| (i * i % 251) as u8).collect();
    let plain = idx(&[1000], &data);
    // Some parts end within the header, and some parts are empty.
    for parts in [&[1000][..], &[0, 1008], &[3, 0, 5, 500], &[8], &[1008], &[1, 1, 1, 1, 1, 1, 1, 1, 1]] {
        for padding in [0, 1, 511, 100_000] {
            let (mut rest, mut packed) = (&plain[..], vec![]);
            for &part in parts {
                let (first, others) = rest.split_at(part);
                packed.extend(gzip(first));
                packed.extend(vec![0; padding]);
                rest = others;
            }
            packed.extend(gzip(rest));
            packed.extend(vec![0; padding]);
            let idx = read(&packed).unwrap();
            assert!(idx.data == data && idx.dims == [1000], "{parts:?}, {padding} zeros");
        }
    }
    // The empty block at the end of a bgzip file, which is a member with an extra field.
    let end = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0\x42\x43\x02\0\x1b\0\x03\0\0\0\0\0\0\0\0\0";
    assert_eq!(read(&[&gzip(&plain), &end[..]].concat()).unwrap().data, data);
}

/// The limit applies to all members together.
#[test]
fn bombs_of_many_members_are_not_unpacked() {
    let half = gzip(&vec![0; 1 << 19]);
    let bomb = [&gzip(&[0, 0, 8, 1, 0, 16, 0, 0]), &half[..], &half].concat();
    assert_damage(read(&bomb), Damage::TooLong(1 << 20));
    assert_damage(read(&vec![half; 100].concat()), Damage::TooLong(1 << 20));
}

/// For every kind of damage of the compressed file, the plain file is used instead. If the plain
/// file is damaged too, the error names the compressed file.
#[test]
fn a_damaged_file_does_not_hide_a_sound_one_beside_it() {
    let tiny = Tiny::new();
    let whole = gzip(&tiny.images);
    let mut other = tiny.images.clone();
    *other.last_mut().unwrap() ^= 1;
    for damaged in [&whole[..whole.len() - 1], &gzip(&other), b"", b"no gzip", &other] {
        let place = Place::new(&tiny);
        place.write("images.gz", damaged);
        place.write("labels.gz", b"no gzip");
        place.write("labels", &tiny.labels);
        message(place.load(), &["images.gz is damaged"]);
        let plain = place.write("images", &tiny.images);
        assert_eq!(place.load().unwrap().labels(), [0, 1, 2, 0, 1, 2, 0]);
        fs::write(&plain, "no images").unwrap();
        message(place.load(), &["images.gz is damaged"]);
    }
    let place = Place::new(&tiny);
    fs::create_dir_all(place.directory().join("images.gz")).unwrap();
    place.write("labels", &tiny.labels);
    place.write("images", &tiny.images);
    assert_eq!(place.load().unwrap().len(), ITEMS);
}

/// A small file can decompress to far more than the limit of 1 MB. Only 1 MB and one more byte are
/// decompressed.
#[test]
fn bombs_are_not_unpacked() {
    let bomb = gzip(&idx(&[1 << 22], &vec![0; 1 << 22]));
    assert!(bomb.len() < 10_000);
    assert_damage(read(&bomb), Damage::TooLong(1 << 20));
    assert_damage(read(&vec![0; (1 << 20) + 1]), Damage::TooLong(1 << 20));
}

#[test]
fn compressed_plain_and_recompressed_files_are_the_same_dataset() {
    let tiny = Tiny::new();
    for (suffix, pack) in [
        (".gz", gzip as fn(&[u8]) -> Vec<u8>),
        ("", <[u8]>::to_vec),
        (".gz", |bytes| gzip_at(Compression::best(), bytes)),
        (".gz", <[u8]>::to_vec),
    ] {
        let place = Place::new(&tiny);
        place.write(&format!("images{suffix}"), &pack(&tiny.images));
        place.write(&format!("labels{suffix}"), &pack(&tiny.labels));
        let data = place.load().unwrap();
        assert_eq!((data.len(), data.image_size(), data.channels()), (ITEMS, 28, 1));
        assert_eq!(data.labels(), [0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(data.classes(), ["a", "b", "c"]);
        let mut image = vec![0; data.image_len()];
        data.image(3, &mut image).unwrap();
        assert!(image.iter().all(|&byte| byte == 30));
    }
}

#[test]
fn the_image_size_is_the_requested_size() {
    let tiny = Tiny::new();
    let mut place = Place::new(&tiny);
    place.write("images", &tiny.images);
    place.write("labels", &tiny.labels);
    for size in [16, 28, 32, 64] {
        place.options.image_size = size;
        let data = place.load().unwrap();
        let mut image = vec![77; data.image_len()];
        data.image(2, &mut image).unwrap();
        assert_eq!(image.len(), size * size);
        assert_eq!(image[size * size / 2 + size / 2], 20);
        assert_eq!(image[0], if size == 32 { 0 } else { 20 });
    }
    for size in [0, 15, 513, usize::MAX] {
        place.options.image_size = size;
        message(place.load(), &["choose a size from 16 to 512", &size.to_string()]);
    }
}

#[test]
fn a_missing_file_is_named_with_its_place_and_the_remedy() {
    let tiny = Tiny::new();
    let place = Place::new(&tiny);
    let directory = place.directory().display().to_string();
    let options = place.with_mirrors(&["http://localhost/"]);
    let load = || Dataset::load("tiny", Split::Train, &options, None);
    message(load(), &["labels.gz", "tiny", &directory, "--download", "--data-dir"]);
    place.write("labels.gz", &gzip(&tiny.labels));
    let error = message(load(), &["images.gz", &directory]);
    assert!(matches!(error, DataError::Missing { .. }));

    // Without mirrors, --download is no remedy, and no downloader is blamed.
    let loaded = |downloader| Dataset::load("tiny", Split::Train, &place.options, downloader);
    let (mut online, mut offline) = (Downloader::new(|_| ()), Downloader::offline());
    for downloader in [None, Some(&mut online), Some(&mut offline)] {
        let error =
            message(loaded(downloader), &["images.gz is not in", &directory, "no mirror", "--data-dir"]);
        assert!(matches!(error, DataError::NoMirror { .. }));
    }
}

#[test]
fn other_content_is_rejected() {
    let tiny = Tiny::new();
    let place = Place::new(&tiny);
    place.write("labels", &tiny.labels);
    let mut other = tiny.images.clone();
    *other.last_mut().unwrap() ^= 1;
    for (name, content) in [("images.gz", gzip(&other)), ("images", other.clone())] {
        let path = place.write(name, &content);
        let damage = Damage::Checksum { found: Digest::of(&other), expected: Digest::of(&tiny.images) };
        assert_damage(place.load(), damage);
        fs::remove_file(path).unwrap();
    }
    // The labels in place of the images, and the images in place of the labels.
    let path = place.write("images", &tiny.labels);
    message(place.load(), &["images is damaged", "SHA-256"]);
    fs::remove_file(path).unwrap();
    place.write("labels", &tiny.images);
    assert_damage(place.load(), Damage::TooLong(8 + ITEMS as u64));
}

#[test]
fn counts_and_labels_are_checked_even_if_the_digest_is_right() {
    let whole = Tiny::new();
    let six = Tiny { labels: idx(&[6], &[0; 6]), ..whole.clone() };
    let label = Tiny { labels: idx(&[7], &[0, 1, 2, 3, 0, 0, 0]), ..whole.clone() };
    let flat = Tiny { images: idx(&[7, 784], &[0; 7 * 784]), ..whole.clone() };
    let load = |tiny: &Tiny| {
        let place = Place::new(tiny);
        place.write("images", &tiny.images);
        place.write("labels", &tiny.labels);
        place.load()
    };
    assert!(load(&whole).is_ok());
    assert_damage(load(&six), Damage::Shape { found: vec![6], expected: vec![7] });
    assert_damage(load(&label), Damage::Label { index: 3, label: 3, classes: 3 });
    assert_damage(load(&flat), Damage::Shape { found: vec![7, 784], expected: vec![7, 28, 28] });
}

/// A test split without images can be loaded but not divided into batches. Training needs images.
#[test]
fn an_empty_set_has_no_batches() {
    let tiny = Tiny { images: idx(&[0, 28, 28], &[]), labels: idx(&[0], &[]) };
    let mut place = Place::new(&tiny);
    place.options.manifest =
        Manifest::parse(&tiny.manifest_text().replace("items = 7", "items = 0")).unwrap();
    place.write("images.gz", &gzip(&tiny.images));
    place.write("labels", &tiny.labels);
    let error = message(place.load(), &["the train split of tiny has no images", "--test-fraction"]);
    assert!(matches!(error, DataError::NoTrainImages(_)));
    let set = Dataset::load("tiny", Split::Test, &place.options, None).unwrap();
    assert!(set.is_empty());
    for batch_size in [0, 1, 128] {
        let batches = Batches::new(set.clone(), batch_size, 0, PixelRange::Unit);
        message(batches, &["tiny has no images"]);
    }
}

#[test]
fn directories_and_empty_files_are_no_files() {
    let tiny = Tiny::new();
    let place = Place::new(&tiny);
    fs::create_dir_all(place.directory().join("labels.gz")).unwrap();
    let error = message(place.load(), &["labels.gz is not a file"]);
    assert!(matches!(error, DataError::NotAFile { .. }));
    fs::remove_dir(place.directory().join("labels.gz")).unwrap();
    place.write("labels", &[]);
    assert_damage(place.load(), Damage::NoHeader);

    // A file where the dataset's directory should be.
    fs::remove_dir_all(place.directory()).unwrap();
    fs::write(place.directory(), "").unwrap();
    message(place.load(), &["labels"]);
}

#[cfg(unix)]
#[test]
fn a_file_without_permission_is_not_called_damaged() {
    use std::os::unix::fs::PermissionsExt;
    let tiny = Tiny::new();
    let place = Place::new(&tiny);
    let path = place.write("labels", &tiny.labels);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&path).is_ok() {
        eprintln!("SKIPPED: this user may read every file");
        return;
    }
    let error = message(place.load(), &["cannot read", "labels"]);
    assert!(matches!(error, DataError::Io { .. }));
}

#[test]
fn unknown_names_are_answered_with_the_known_ones() {
    let error = message(
        Dataset::load("mnits", Split::Train, &Options::default(), None),
        &["\"mnits\"", "glyphs, glyphs-rgb, cifar10, cifar100, fashion-mnist, kmnist, mnist"],
    );
    assert!(matches!(error, DataError::UnknownDataset { .. }));
}
