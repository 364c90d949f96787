//! Tests the fingerprints of stored sets: over their records, or over the checksums of the manifest
//! if it has them.

use std::fs;

use adjoint_data::{Dataset, Digest, FitMode, Manifest, Options, Split};
use tempfile::TempDir;

use crate::support::{Place, Tiny, gzip};

/// The fingerprints of both splits, loaded alone and together, which are all equal.
#[track_caller]
fn fingerprint(dataset: &str, options: &Options) -> Option<Digest> {
    let print = |split| Dataset::load(dataset, split, options, None).unwrap().fingerprint();
    let together = Dataset::load_splits(dataset, options, None).unwrap().map(|set| set.fingerprint());
    assert_eq!([print(Split::Train), print(Split::Test)], together);
    assert_eq!(together[0], together[1]);
    together[0]
}

#[track_caller]
fn assert_all_differ(prints: &[Option<Digest>]) {
    for (index, print) in prints.iter().enumerate() {
        assert!(print.is_some() && !prints[..index].contains(print), "number {index} of {prints:?}");
    }
}

/// A set of binary records in plain files, with `test.bin` or without. Image i is filled with i.
fn records(with_test: bool) -> (TempDir, Options) {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("set")).unwrap();
    let record = |item: u8| [vec![item % 3], vec![item; 3 * 16 * 16]].concat();
    for (name, items) in [("train.bin", 0..20), ("test.bin", 20..26)] {
        if with_test || name == "train.bin" {
            fs::write(root.path().join("set").join(name), items.flat_map(record).collect::<Vec<u8>>())
                .unwrap();
        }
    }
    let manifest = "[set]\nformat = \"cifar\"\nmirrors = []\nsize = [16, 16]\nclasses = [\"a\", \"b\", \"c\"]\n\
                    label_bytes = 1\ntrain = [{ name = \"train.bin\", items = 20 }]\n\
                    test = [{ name = \"test.bin\", items = 6 }]\n";
    let options = Options {
        data_dir: root.path().to_path_buf(),
        image_size: 16,
        manifest: Manifest::parse(manifest).unwrap(),
        ..Options::default()
    };
    (root, options)
}

#[test]
fn plain_records_have_a_fingerprint() {
    let (root, options) = records(true);
    let mut seen = vec![fingerprint("set", &options)];
    assert_eq!(fingerprint("set", &Options { data_dir: root.path().join("."), ..options.clone() }), seen[0]);
    seen.push(fingerprint("set", &Options { image_size: 17, ..options.clone() }));
    seen.push(fingerprint("set", &Options { fit: Some(FitMode::Stretch), ..options.clone() }));
    // The last pixel and the first label of a file.
    for (name, at) in [("train.bin", 20 * 769 - 1), ("train.bin", 0), ("test.bin", 6 * 769 - 1)] {
        let path = root.path().join("set").join(name);
        let whole = fs::read(&path).unwrap();
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&path, changed).unwrap();
        seen.push(fingerprint("set", &options));
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(fingerprint("set", &options), seen[0]);
    let (_root, without) = records(false);
    seen.push(fingerprint("set", &without));
    seen.push(fingerprint("set", &Options { test_fraction: 0.5, ..without }));
    assert_all_differ(&seen);
}

/// Checksums in the manifest stand for the records. A file without one is read.
#[test]
fn checksums_give_a_fingerprint() {
    let tiny = Tiny::new();
    let mut place = Place::new(&tiny);
    place.write("images", &tiny.images);
    place.write("labels", &tiny.labels);
    let pinned = fingerprint("tiny", &place.options);
    assert_eq!(fingerprint("tiny", &place.with_mirrors(&["http://localhost/"])), pinned);
    // Compressed files have the same content.
    place.write("images.gz", &gzip(&tiny.images));
    assert_eq!(fingerprint("tiny", &place.options), pinned);
    fs::remove_file(place.directory().join("images.gz")).unwrap();
    let larger = fingerprint("tiny", &Options { image_size: 32, ..place.options.clone() });
    let mut changed = tiny.clone();
    changed.images[16] ^= 1;
    place.write("images", &changed.images);
    place.options.manifest = changed.manifest();
    let other = fingerprint("tiny", &place.options);
    place.write("images", &tiny.images);

    let text = tiny.manifest_text();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("sha256")).collect();
    place.options.manifest = Manifest::parse(&lines.join("\n")).unwrap();
    let plain = fingerprint("tiny", &place.options);
    place.write("images", &changed.images);
    let changed = fingerprint("tiny", &place.options);

    // The compressed file is verified, and is used although the plain file is there.
    place.write("images.gz", &gzip(&tiny.images));
    place.write("labels.gz", &gzip(&tiny.labels));
    let compressed = fingerprint("tiny", &place.options);
    assert_all_differ(&[pinned, larger, other, plain, changed, compressed]);
    assert_eq!(fingerprint("glyphs", &place.options), None);
}
