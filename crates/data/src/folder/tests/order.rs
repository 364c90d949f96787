//! Tests the order of the images of a split, and loading both splits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::files::gray_png;
use super::source::{Gray, folder, levels, load, options};
use super::write;
use crate::report::Report;
use crate::{Dataset, Digest, Options, Split};

/// The files are sorted by class, and the first images of a split are a fair sample nevertheless.
#[test]
fn the_first_images_of_a_split_have_all_classes() {
    // Class c has 40 (c + 1) images.
    let names: Vec<String> = (0..4)
        .flat_map(|class| (0..40 * (class + 1)).map(move |image| format!("{class}/{image:03}.png")))
        .collect();
    let images: Vec<Gray<'_>> = names.iter().map(|name| (name.as_str(), 0)).collect();
    let root = folder(&images);
    let options = Options { test_fraction: 0.5, ..options() };
    let splits = [Split::Train, Split::Test].map(|split| load(root.path(), split, &options).unwrap());
    for split in &splits {
        let share = |labels: &[u16], class| {
            labels.iter().filter(|&&label| label == class).count() as f64 / labels.len() as f64
        };
        let all = split.labels();
        for class in 0..4 {
            let (first, whole) = (share(&all[..all.len() / 5], class), share(all, class));
            assert!((first - whole).abs() < 0.15, "class {class}: {first} of {whole}");
        }
    }
    // The order is that of the SHA-256 of the path, and the list is in the order of paths.
    let list = splits[0].file_list().unwrap();
    let mut train: Vec<&str> =
        list.lines().filter_map(|line| line.strip_prefix("train\t")?.rsplit('\t').next()).collect();
    assert!(train.is_sorted());
    train.sort_by_key(|path| Digest::of(path.as_bytes()).bytes());
    let labels: Vec<u16> = train.iter().map(|path| path[..1].parse().unwrap()).collect();
    assert_eq!(splits[0].labels(), labels);
}

#[test]
fn images_keep_their_order_when_others_are_added() {
    let names: Vec<String> = (0..200).map(|image| format!("{image}.png")).collect();
    let images: Vec<Gray<'_>> =
        names.iter().enumerate().map(|(level, name)| (name.as_str(), level as u8)).collect();
    let root = folder(&images[..100]);
    let before = levels(&*load(root.path(), Split::Train, &options()).unwrap(), 3);
    for (path, level) in &images[100..] {
        write(root.path(), &[(path, &gray_png(20, 20, *level))]);
    }
    let mut after = levels(&*load(root.path(), Split::Train, &options()).unwrap(), 3);
    after.retain(|&(level, _)| level < 100);
    assert_eq!(after, before);
}

/// Both splits come from one source, so the folder is decoded once, also without a cache.
#[test]
fn both_splits_are_loaded_at_once() {
    let root = folder(&[("a/1.png", 1), ("a/2.png", 2), ("b/3.png", 3), ("b/4.png", 4)]);
    let decoded = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&decoded);
    let report = Report::new(move |_| _ = count.fetch_add(1, Ordering::Relaxed));
    let options = Options { report, limit: Some(1), ..options() };
    let [train, test] = Dataset::load_splits(root.path(), &options, None).unwrap();
    assert_eq!(decoded.load(Ordering::Relaxed), 4);
    assert_eq!((train.split(), test.split()), (Split::Train, Split::Test));
    assert_eq!((train.len(), test.len()), (1, 1));
    for set in [&train, &test] {
        let alone = Dataset::load(root.path(), set.split(), &options, None).unwrap();
        assert_eq!((set.digest().unwrap(), set.labels()), (alone.digest().unwrap(), alone.labels()));
        assert_eq!(set.classes(), ["a", "b"]);
    }
}
