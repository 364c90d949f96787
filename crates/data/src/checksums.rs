//! The identity of a dataset whose files have checksums in a manifest.

use sha2::{Digest as _, Sha256};

use crate::{CifarFiles, FileEntry, Files, ManifestEntry};

/// Adds to a hash what determines the images and labels of a dataset, if all its files are
/// verified: their checksums and how they are read. Names of mirrors, of classes and of IDX files
/// have no influence. `test_fraction` is the share of the test split if there are no test images.
pub(crate) fn hash(entry: &ManifestEntry, test_fraction: f64, hash: &mut Sha256) {
    let [height, width] = entry.size;
    numbers(hash, &[height, width, entry.classes.len()]);
    match &entry.files {
        Files::Idx(files) => {
            hash.update("idx");
            for split in [&files.train, &files.test] {
                numbers(hash, &[split.items]);
                for FileEntry { sha256, gz_sha256, .. } in [&split.images, &split.labels] {
                    hash.update(sha256.unwrap_or(*gz_sha256).bytes());
                }
            }
        }
        Files::Cifar(CifarFiles { archive, label_bytes, train, test }) => {
            hash.update("cifar");
            if let Some(archive) = archive {
                hash.update(archive.sha256.bytes());
            }
            numbers(hash, &[*label_bytes, train.len(), test.len()]);
            for file in train.iter().chain(test) {
                numbers(hash, &[file.items, file.name.len()]);
                hash.update(&file.name);
            }
            if test.is_empty() {
                hash.update(test_fraction.to_le_bytes());
            }
        }
    }
}

fn numbers(hash: &mut Sha256, numbers: &[usize]) {
    numbers.iter().for_each(|&number| hash.update((number as u64).to_le_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use crate::stored::Stored;
    use crate::{Digest, Manifest, Options, Split};
    use std::fs;

    const IDX: &str = r#"
        [set]
        mirrors = []
        size = [16, 16]
        classes = ["a", "b"]
        [set.train]
        items = 3
        images = { name = "images", gz_bytes = 9, gz_sha256 = "@0", sha256 = "@1" }
        labels = { name = "labels", gz_bytes = 9, gz_sha256 = "@2" }
        [set.test]
        items = 1
        images = { name = "test images", gz_bytes = 9, gz_sha256 = "@3", sha256 = "@4" }
        labels = { name = "test labels", gz_bytes = 9, gz_sha256 = "@5", sha256 = "@6" }
    "#;
    const CIFAR: &str = r#"
        [set]
        format = "cifar"
        mirrors = []
        size = [16, 16]
        classes = ["a", "b"]
        label_bytes = 1
        train = [{ name = "one", items = 3 }, { name = "two", items = 3 }]
        test = [{ name = "three", items = 3 }]
        archive = { name = "all.tar.gz", bytes = 9, sha256 = "@0" }
    "#;

    /// Parses a manifest, in which `@N` is the checksum N.
    fn entry(text: &str) -> ManifestEntry {
        let text =
            (0..9).fold(text.to_owned(), |text, n| text.replace(&format!("@{n}"), &format!("{n:064}")));
        Manifest::parse(&text).unwrap().entries().next().unwrap().1.clone()
    }

    fn digest(text: &str, test_fraction: f64) -> Digest {
        let mut sha = Sha256::new();
        hash(&entry(text), test_fraction, &mut sha);
        sha.into()
    }

    /// Replaces a part of a manifest, and returns whether the digest is another one.
    #[track_caller]
    fn matters(text: &str, part: &str, other: &str) -> bool {
        assert!(text.contains(part), "{part}");
        digest(text, 0.1) != digest(&text.replacen(part, other, 1), 0.1)
    }

    #[test]
    fn what_determines_the_records_determines_the_digest() {
        for (part, other) in [("[]", "[\"x\"]"), ("\"a\"", "\"c\""), ("@0", "@7"), ("\"images", "\"pictures")]
        {
            assert!(!matters(IDX, part, other), "{part}");
        }
        let sizes = [("[16", "[17"), ("\"b\"", "\"b\", \"c\""), ("items = 3", "items = 2")];
        for (part, other) in sizes.into_iter().chain([("@1", "@7"), ("@2", "@7"), ("@4", "@7"), ("@6", "@7")])
        {
            assert!(matters(IDX, part, other), "{part}");
        }
        let of_files = [("@0", "@7"), ("label_bytes = 1", "label_bytes = 2"), ("one", "zero")];
        for (part, other) in sizes.into_iter().chain(of_files) {
            assert!(matters(CIFAR, part, other), "{part}");
        }
        assert!(!matters(CIFAR, "all.tar.gz", "all.tgz") && !matters(CIFAR, "[]", "[\"x\"]"));
    }

    #[test]
    fn the_fraction_matters_if_there_are_no_test_images() {
        let without = CIFAR.replace("test = [{ name = \"three\", items = 3 }]", "");
        assert_eq!(digest(CIFAR, 0.1), digest(CIFAR, 0.2));
        assert_ne!(digest(&without, 0.1), digest(&without, 0.2));
    }

    /// The same files have a fingerprint if a user's manifest verifies them.
    #[test]
    fn a_verified_set_that_is_built_in_has_no_fingerprint() {
        assert!(Manifest::default().entries().all(|(_, entry)| entry.is_built_in));
        let root = tempfile::tempdir().unwrap();
        let images = [&[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 16, 0, 0, 0, 16][..], &[7; 256]].concat();
        let labels = [0, 0, 8, 1, 0, 0, 0, 1, 0];
        fs::create_dir(root.path().join("set")).unwrap();
        fs::write(root.path().join("set/test images"), &images).unwrap();
        fs::write(root.path().join("set/test labels"), labels).unwrap();
        let text = IDX.replace("@4", &Digest::of(&images).to_string());
        let mut entry = entry(&text.replace("@6", &Digest::of(&labels).to_string()));
        let options = Options { data_dir: root.path().to_path_buf(), image_size: 16, ..Options::default() };
        for is_built_in in [false, true] {
            entry.is_built_in = is_built_in;
            let images = Stored::new("set", &entry, &options).load(Split::Test, None).unwrap();
            assert_eq!(images.fingerprint().is_none(), is_built_in);
        }
    }
}
