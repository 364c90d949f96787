//! Tests of manifests: what they may say, files with one checksum, and a user's sets.

use std::fs;

use adjoint_data::{Damage, DataError, Digest, Files, Manifest, Options, Split, source};
use flate2::Compression;

use crate::support::{Place, Tiny, assert_damage, gzip, gzip_at, idx, message};

#[test]
fn the_manifest_is_read_strictly() {
    let manifest = Manifest::default();
    let names = ["cifar10", "cifar100", "fashion-mnist", "kmnist", "mnist"];
    assert!(manifest.entries().map(|(name, _)| name).eq(names));
    for (name, entry) in manifest.entries() {
        let items = |split| match &entry.files {
            Files::Idx(files) => files.split(split).items,
            Files::Cifar(files) => files.split(split).iter().map(|file| file.items).sum(),
        };
        let train = if name.starts_with("cifar") { 50_000 } else { 60_000 };
        assert_eq!((items(Split::Train), items(Split::Test)), (train, 10_000));
        assert!(!entry.mirrors.is_empty() && entry.mirrors.iter().all(|mirror| mirror.ends_with('/')));
    }
    let tiny = Tiny::new().manifest_text();
    Manifest::parse(&tiny).unwrap();
    for (field, value, complaint) in [
        (
            "size = [28, 28]",
            "size = [0, 0]",
            "tiny: size = [0, 0], but height and width are from 1 to 16384 pixels",
        ),
        ("size = [28, 28]", "size = [28, 0]", "tiny: size = [28, 0]"),
        ("size = [28, 28]", "size = [9223372036854775807, 28]", "tiny: size = [9223372036854775807, 28]"),
        ("size = [28, 28]", "size = [-1, 28]", ""),
        ("size = [28, 28]", "size = [28]", ""),
        ("classes = [\"a\", \"b\", \"c\"]", "classes = []", "tiny: 0 classes"),
        ("items = 7", "items = 9223372036854775807", "tiny: train: items = 9223372036854775807"),
        ("name = \"labels\"", "name = \"\"", "tiny: train: name = \"\", which is not the name of a file"),
        ("name = \"images\"", "name = \"../images\"", "tiny: train: name = \"../images\""),
        ("gz_bytes", "gz_bytes = 0 #", "tiny: train: gz_bytes = 0"),
        ("gz_bytes", "gz_bytes = 9223372036854775807 #", "tiny: train: gz_bytes = 9223372036854775807"),
        ("gz_sha256 = \"", "gz_sha256 = \"0", ""),
    ] {
        assert!(tiny.contains(field), "{field}");
        let error = message(Manifest::parse(&tiny.replacen(field, value, 1)), &["manifest", complaint]);
        assert!(matches!(error, DataError::Manifest { .. }));
    }
    for (from, to, complaint) in [
        ("[tiny]", "[tiny]\nformat = \"tar\"", "tiny: format = \"tar\", but the formats are"),
        ("[tiny]", "[tiny]\nformat = \"cifar\"", "tiny: "),
        (
            "[tiny]",
            "[tiny]\ncolor = 1",
            "tiny: there is no field color; the fields are format, mirrors, size,",
        ),
        ("classes =", "labels =", "tiny: there is no field labels;"),
        ("gz_bytes =", "bytes =", "tiny: unknown field `bytes`"),
        ("\"a\", \"b\", \"c\"", "\"a\", \"b\", \"a\"", "tiny: classes: \"a\" is there twice"),
        ("mirrors =", "\n\nmirrors", "line 4: "),
        ("tiny", "..", "manifest"),
        ("tiny", "\"../tiny\"", "../tiny: the name of a dataset has only the characters"),
        ("tiny", "\"\"", "the name of a dataset"),
        ("tiny", "\"a\\nb\"", "the name of a dataset"),
    ] {
        message(Manifest::parse(&tiny.replace(from, to)), &["manifest", complaint]);
    }
    for wrong in ["[x]\nmirrors = []", "[x]\nmirors = []", "x = 1", "[x"] {
        let error = message(Manifest::parse(wrong), &["manifest"]);
        assert!(matches!(error, DataError::Manifest { .. }));
    }
}

/// Without a digest of the content, the file of the mirrors is verified, and a plain file is noted.
#[test]
fn a_manifest_may_know_only_the_compressed_files() {
    let tiny = Tiny::new();
    let mut place = Place::new(&tiny);
    let lines = tiny.manifest_text();
    let without: Vec<&str> = lines.lines().filter(|line| !line.starts_with("sha256")).collect();
    place.options.manifest = Manifest::parse(&without.join("\n")).unwrap();
    place.write("images.gz", &gzip(&tiny.images));
    place.write("labels.gz", &gzip(&tiny.labels));
    assert!(place.load().unwrap().notes().is_empty());

    let repacked = gzip_at(Compression::none(), &tiny.images);
    place.write("images.gz", &repacked);
    let [found, expected] = [&repacked, &gzip(&tiny.images)].map(|bytes| Digest::of(bytes));
    assert_damage(place.load(), Damage::Checksum { found, expected });

    place.write("images", &tiny.images);
    let set = place.load().unwrap();
    assert_eq!(set.notes().len(), 1);
    for words in ["tiny: only images.gz has a known checksum", "may not be the official file"] {
        assert!(set.notes()[0].contains(words), "{:?}", set.notes());
    }
    let (shape, content) = (vec![7, 28, 28], vec![6, 28, 28]);
    fs::remove_file(place.directory().join("images.gz")).unwrap();
    place.write("images", &idx(&[6, 28, 28], &[0; 6 * 28 * 28]));
    assert_damage(place.load(), Damage::Shape { found: content, expected: shape });
}

#[test]
fn a_manifest_adds_sets_and_hides_none() {
    let tiny = Tiny::new();
    let both = Manifest::default().merge(tiny.manifest()).unwrap();
    assert!(
        both.entries().any(|(name, _)| name == "mnist") && both.entries().any(|(name, _)| name == "tiny")
    );
    for name in ["mnist", "cifar10", "glyphs", "glyphs-rgb", "ring"] {
        let other = Manifest::parse(&tiny.manifest_text().replace("tiny", name)).unwrap();
        let words = [&format!("{name}: a dataset of this name is built in"), "choose another name"];
        message(Manifest::default().merge(other), &words.map(|word| word as &str));
    }

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mine.toml");
    message(Manifest::read(&path), &["cannot read", "mine.toml"]);
    fs::write(&path, tiny.manifest_text()).unwrap();
    assert_eq!(Manifest::read(&path).unwrap().entries().count(), 1);
    fs::write(&path, "[tiny]\nmirrors = 3").unwrap();
    message(Manifest::read(&path), &["manifest", "mine.toml: tiny: "]);
    fs::write(&path, [0xff, 0xfe]).unwrap();
    message(Manifest::read(&path), &["cannot read", "mine.toml"]);
}

#[test]
fn a_required_accuracy_is_a_fraction() {
    let tiny = Tiny::new().manifest_text();
    let accuracy = |text: &str| Manifest::parse(text).unwrap().entries().next().unwrap().1.judge_accuracy;
    assert_eq!(accuracy(&tiny), None);
    let with = |value: &str| tiny.replacen("[tiny]", &format!("[tiny]\njudge_accuracy = {value}"), 1);
    assert_eq!(accuracy(&with("0.75")), Some(0.75));
    for (value, shown) in [("1.5", "1.5"), ("-0.1", "-0.1"), ("nan", "NaN")] {
        let complaint = format!("tiny: judge_accuracy = {shown}, but it is a fraction from 0 to 1");
        message(Manifest::parse(&with(value)), &[&complaint]);
    }
}

#[test]
fn a_set_has_mirrors_if_they_serve_its_files() {
    let has_mirrors = |manifest: &str| {
        let options = Options { manifest: Manifest::parse(manifest).unwrap(), ..Options::default() };
        source("tiny", &options).unwrap().has_mirrors()
    };
    let idx = Tiny::new().manifest_text();
    let records = "[tiny]\nformat = \"cifar\"\nmirrors = []\nsize = [16, 16]\nclasses = [\"a\"]\nlabel_bytes = 1\n\
                   train = [{ name = \"one\", items = 3 }]\n";
    let sha256 = Digest::of(b"archive");
    let archive = format!("{records}archive = {{ name = \"a.tgz\", bytes = 9, sha256 = \"{sha256}\" }}\n");
    for (manifest, is_served) in [(&idx[..], true), (records, false), (&archive, true)] {
        assert!(!has_mirrors(manifest), "{manifest}");
        let served = manifest.replace("mirrors = []", "mirrors = [\"http://localhost/\"]");
        assert_eq!(has_mirrors(&served), is_served, "{served}");
    }
    assert!(!source("glyphs", &Options::default()).unwrap().has_mirrors());
}
