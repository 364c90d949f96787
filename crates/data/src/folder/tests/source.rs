//! Tests the images of a folder: splits, labels, broken and unreadable files, and fingerprints.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use tempfile::TempDir;

use super::files::{encode, gray_png};
use super::{assert_message, write};
use crate::folder::build::Build;
use crate::folder::scan::scan;
use crate::folder::{Folder, dataset_name, first_difference};
use crate::report::Report;
use crate::settings::Settings;
use crate::source::{Images, Source, source};
use crate::{DataError, Dataset, FitMode, Options, Split};

/// The path of an image, and its gray level.
pub(super) type Gray<'a> = (&'a str, u8);
/// A change of the file with this path.
type Change = fn(&Path);

/// Options for images of 16 x 16 pixels without a cache.
pub(super) fn options() -> Options {
    Options { image_size: 16, cache_dir: None, ..Options::default() }
}

pub(super) fn load(root: &Path, split: Split, options: &Options) -> Result<Box<dyn Images>, DataError> {
    Folder::new(root, options).load(split, None)
}

/// A folder with the given images, each of one gray level.
pub(super) fn folder(images: &[Gray<'_>]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, level) in images {
        write(root.path(), &[(path, &gray_png(20, 20, *level))]);
    }
    root
}

/// The first byte of each image with its label.
pub(super) fn levels(images: &dyn Images, channels: usize) -> Vec<(u8, u16)> {
    let level = |index| {
        let mut pixels = vec![0; images.image_size() * images.image_size() * channels];
        images.image(index, &mut pixels).unwrap();
        pixels[0]
    };
    images.labels().iter().enumerate().map(|(index, &label)| (level(index), label)).collect()
}

#[test]
fn the_splits_of_a_folder_are_kept() {
    let root =
        folder(&[("train/a/1.png", 1), ("train/b/2.png", 2), ("test/a/3.png", 3), ("test/b/4.png", 4)]);
    let options = options();
    let source = source(root.path().to_str().unwrap(), &options).unwrap();
    assert_eq!((source.classes().unwrap(), source.channels()), (vec!["a".to_string(), "b".to_string()], 3));
    let sorted = |split| {
        let mut levels = levels(&*source.load(split, None).unwrap(), 3);
        levels.sort();
        levels
    };
    assert_eq!(sorted(Split::Train), [(1, 0), (2, 1)]);
    assert_eq!(sorted(Split::Test), [(3, 0), (4, 1)]);
}

#[test]
fn a_folder_without_splits_is_split_by_hash() {
    let names: Vec<String> =
        (0..200).map(|image| format!("{}/{image}.png", ["a", "b"][image / 100])).collect();
    let images: Vec<(&str, u8)> =
        names.iter().map(|name| (name.as_str(), 0)).chain([("c/1.png", 0), ("c/2.png", 0)]).collect();
    let root = folder(&images);
    let labels = |split, test_fraction| {
        let options = Options { test_fraction, ..options() };
        load(root.path(), split, &options).unwrap().labels().to_vec()
    };
    let (train, test) = (labels(Split::Train, 0.1), labels(Split::Test, 0.1));
    assert_eq!(train.len() + test.len(), 202);
    assert!((8..35).contains(&test.len()), "{}", test.len());
    for class in 0..3 {
        assert!(train.contains(&class) && test.contains(&class), "class {class}");
    }
    assert!(labels(Split::Test, 0.0).is_empty());
    assert!(labels(Split::Test, 0.5).len() > 70);
    // The directory of the folder has no influence.
    let moved = tempfile::tempdir().unwrap();
    let copy = moved.path().join("copy");
    fs::rename(root.path(), &copy).unwrap();
    assert_eq!(load(&copy, Split::Test, &options()).unwrap().labels(), test);
}

#[test]
fn channels_fit_and_background_are_applied() {
    let root = tempfile::tempdir().unwrap();
    let wide =
        image::RgbImage::from_fn(32, 16, |x, _| image::Rgb(if x < 8 { [255, 0, 0] } else { [0, 0, 255] }));
    write(root.path(), &[("1.png", &encode(wide.clone(), image::ImageFormat::Png))]);
    write(root.path(), &[("2.png", &encode(wide, image::ImageFormat::Png))]);
    let first = |options: &Options| {
        let images = load(root.path(), Split::Train, options).unwrap();
        let mut pixels = vec![0; 16 * 16 * options.channels.unwrap_or(3)];
        images.image(0, &mut pixels).unwrap();
        pixels
    };
    // The centre of 16 x 16 pixels starts at column 8.
    assert_eq!(first(&options()), [0, 0, 255].repeat(16 * 16));
    let padded = first(&Options { fit: Some(FitMode::Pad), background: [1, 2, 3], ..options() });
    assert_eq!((&padded[..3], &padded[3 * 16 * 8..][..3]), (&[1, 2, 3][..], &[255, 0, 0][..]));
    let stretched = first(&Options { fit: Some(FitMode::Stretch), ..options() });
    assert_eq!((&stretched[..3], &stretched[3 * 15..3 * 16]), (&[255, 0, 0][..], &[0, 0, 255][..]));
    // The luma of BT.601: 0.299 R + 0.587 G + 0.114 B.
    assert_eq!(first(&Options { channels: Some(1), ..options() }), [29; 16 * 16]);
    let gray =
        first(&Options { channels: Some(1), fit: Some(FitMode::Pad), background: [255, 0, 0], ..options() });
    assert_eq!((gray[0], gray[16 * 8]), (76, 76));
}

#[test]
fn broken_images_are_errors_or_are_left_out() {
    let root = folder(&[("a/1.png", 1), ("a/2.png", 2), ("b/3.png", 3), ("b/5.png", 5)]);
    write(root.path(), &[("a/0\n.png", b"GIF89a"), ("b/4.png", b"hello")]);
    for cache_dir in [None, Some(root.path().join(".caches"))] {
        let strict = Options { cache_dir, ..options() };
        // The first one of several is reported, whichever is decoded first.
        for _ in 0..10 {
            let failed = load(root.path(), Split::Train, &strict);
            assert_message(failed, &[r"a/0\n.png is broken: ", "train with --skip-broken"]);
        }
        let lenient = Options { skip_broken: true, ..strict.clone() };
        for _ in 0..2 {
            let source = Folder::new(root.path(), &lenient);
            let both = [Split::Train, Split::Test].map(|split| source.load(split, None).unwrap());
            let [train, test] = both.each_ref().map(|images| levels(&**images, 3));
            assert_eq!(test.len(), 2, "one test image per class");
            let mut all = [train, test].concat();
            all.sort();
            assert_eq!(all, [(1, 0), (2, 0), (3, 1), (5, 1)]);
            let note = r"broken images are left out: 2, the first is a/0\n.png".to_string();
            assert!(both[0].notes().contains(&note), "{:?}", both[0].notes());
        }
        // A cache with broken images does not hide them.
        assert_message(load(root.path(), Split::Train, &strict), &["is broken: "]);
    }
    let nothing = folder(&[]);
    write(nothing.path(), &[("1.png", b"x"), ("2.png", b"x")]);
    let lenient = Options { skip_broken: true, ..options() };
    assert_message(
        load(nothing.path(), Split::Train, &lenient),
        &["only 0 of the 2 images of", "needs two or more"],
    );
    write(nothing.path(), &[("2.png", &gray_png(20, 20, 1))]);
    assert_message(load(nothing.path(), Split::Train, &lenient), &["only 1 of the 2 images of"]);
}

#[test]
fn a_folder_that_changes_is_an_error() {
    let changes: [(&str, Change); 3] = [
        ("vanished", |path| fs::remove_file(path).unwrap()),
        ("grew", |path| fs::write(path, [gray_png(20, 20, 2), vec![0; 9]].concat()).unwrap()),
        ("has another time", |path| {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        }),
    ];
    for (what, change) in changes {
        let root = folder(&[("1.png", 1), ("2\n.png", 2), ("3.png", 3)]);
        // Changes are not broken images.
        let options = Options { skip_broken: true, ..options() };
        let source = Folder::new(root.path(), &options);
        source.classes().unwrap();
        change(&root.path().join("2\n.png"));
        let failed = source.load(Split::Train, None);
        assert_message(failed, &[r"2\n.png changed while the folder was read; start again"]);
        let again = load(root.path(), Split::Train, &options);
        assert!(again.is_ok(), "{what}: {:?}", again.err());
    }
}

#[test]
fn unreadable_files_are_errors() {
    let root = folder(&[("1.png", 1), ("2.png", 2), ("3\n.png", 3)]);
    let (listing, report) = (scan(root.path()).unwrap(), Report::default());
    let settings = Settings { size: 16, channels: 3, background: [0; 3], fit: FitMode::Crop };
    for (kind, words) in
        [(ErrorKind::PermissionDenied, "permission denied"), (ErrorKind::Other, "other error")]
    {
        let open =
            |path: &Path| if path.ends_with("2.png") { Err(kind.into()) } else { fs::File::open(path) };
        // A file that cannot be read is not a broken image.
        let build =
            Build { listing: &listing, settings: &settings, skip_broken: true, report: &report, open: &open };
        assert_message(build.run(&mut |_, _| Ok(())), &["cannot read", "2.png: ", words]);
    }
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_are_broken() {
    let root = folder(&[("1.png", 1), ("2.png", 2)]);
    std::os::unix::fs::symlink("nowhere", root.path().join("3.png")).unwrap();
    assert_message(load(root.path(), Split::Train, &options()), &["3.png is broken: the link leads nowhere"]);
    let lenient = Options { skip_broken: true, ..options() };
    load(root.path(), Split::Train, &lenient).unwrap();
}

#[test]
fn a_fingerprint_covers_paths_splits_labels_and_pixels() {
    let print = |root: &TempDir, options: &Options| {
        load(root.path(), Split::Train, options).unwrap().fingerprint().unwrap()
    };
    let images = [("a/1.png", 1), ("a/2.png", 2), ("b/3.png", 3), ("b/4.png", 4)];
    let root = folder(&images);
    let original = print(&root, &options());
    assert_eq!(print(&folder(&images), &options()), original, "another place");
    let of_test = load(root.path(), Split::Test, &options()).unwrap();
    assert_eq!(of_test.fingerprint(), Some(original), "it covers all splits");
    let changed = |change: &dyn Fn(&mut [Gray<'_>; 4])| {
        let mut images = images;
        change(&mut images);
        print(&folder(&images), &options())
    };
    assert_ne!(changed(&|images| images[0].1 = 9), original, "pixels");
    assert_ne!(changed(&|images| images[0].0 = "a/0.png"), original, "a path");
    assert_ne!(changed(&|images| images[3].0 = "c/4.png"), original, "a class");
    assert_ne!(changed(&|images| images[1] = images[0]), original, "a missing image");
    let other = |options| print(&root, &options);
    assert_ne!(other(Options { test_fraction: 0.0, ..options() }), original, "splits");
    assert_ne!(other(Options { image_size: 17, ..options() }), original, "the size");
    assert_ne!(other(Options { background: [0; 3], ..options() }), original, "the background");
}

#[test]
fn the_first_difference_is_named() {
    let images = [("cow/1.png", 1), ("cow/2.png", 2), ("horse/12\n.png", 3), ("horse/4.png", 4)];
    let list = |images: &[Gray<'_>], options: &Options| {
        load(folder(images).path(), Split::Train, options).unwrap().file_list().unwrap()
    };
    let options = Options { test_fraction: 1e-9, ..options() };
    let recorded = list(&images, &options);
    assert_eq!(recorded.lines().count(), 4);
    let columns: Vec<&str> = recorded.lines().nth(2).unwrap().split('\t').collect();
    assert_eq!((columns[1], columns[2].len(), columns[3]), ("horse", 16, r"horse/12\n.png"));
    assert_eq!(first_difference(&recorded, &list(&images, &options)), None);
    let differs = |change: &dyn Fn(&mut Vec<Gray<'_>>)| {
        let mut images = images.to_vec();
        change(&mut images);
        first_difference(&recorded, &list(&images, &options)).unwrap()
    };
    assert_eq!(differs(&|images| images[2].1 = 9), r"horse/12\n.png has different pixels");
    assert_eq!(differs(&|images| images.push(("cow/0.png", 0))).split(';').next(), Some("cow/0.png is new"));
    let shorter: String = recorded.split_inclusive('\n').take(3).collect();
    assert_eq!(first_difference(&recorded, &shorter).unwrap(), "horse/4.png is missing");
    let swapped = recorded.replace("train\tcow", "test\tcow");
    let difference = first_difference(&recorded, &swapped).unwrap();
    assert!(difference.contains("has the split test instead of train"), "{difference}");
    let renamed = recorded.replace("\thorse\t", "\tpony\t");
    let difference = first_difference(&recorded, &renamed).unwrap();
    assert_eq!(difference, r"horse/12\n.png has the class pony instead of horse; 1 more differ");
    // The order of the lists counts, also if the text has another one.
    let list = |rows: &[(&str, u8)]| -> String {
        rows.iter().map(|(key, pixels)| format!("train\t-\t{pixels:016x}\t{key}\n")).collect()
    };
    let (indices, paths) = ([("1", 0), ("2", 0), ("10", 0)], [("a/z.png", 0), ("a-b/a.png", 0)]);
    let first = |old: &[(&str, u8)], new: &[(&str, u8)]| first_difference(&list(old), &list(new)).unwrap();
    assert_eq!(first(&indices, &[("1", 0), ("2", 1), ("10", 1)]), "2 has different pixels; 1 more differ");
    assert_eq!(first(&indices, &indices[..1]), "2 is missing; 1 more differ");
    assert_eq!(first(&indices[..1], &indices), "2 is new; 1 more differ");
    assert_eq!(first(&indices[2..], &[("1", 0), ("2", 0), ("10", 1)]), "1 is new; 2 more differ");
    assert_eq!(first(&paths, &[]), "a/z.png is missing; 1 more differ");
    assert_eq!(first(&[], &paths), "a/z.png is new; 1 more differ");
    assert_eq!(first(&[("a", 0), ("c", 0)], &[("b", 0), ("c", 0)]), "a is missing; 1 more differ");
    // A damaged list is a difference, too.
    assert!(first_difference("\0garbage", &recorded).is_some());
}

#[test]
fn folders_are_named() {
    let name = |path: &str| dataset_name(Path::new(path));
    assert_eq!(name("/data/My Photos"), "my-photos");
    assert_eq!(name("/data/CelebA_64x64.v2/"), "celeba-64x64-v2");
    assert_eq!(name("/data/--__--"), "folder");
    assert_eq!(name("/data/Фото"), "folder");
    assert_eq!(name("/data/été 2020\n"), "t-2020");
    assert!(!name(".").is_empty() && name(".") != "folder", "the current directory has a name");
    assert_eq!(name("photos/."), "photos");
    assert_eq!(name("src/../src/.."), name("."), "the directory of the crate");
    assert_eq!(name("cifar_10"), "cifar_10", "a known name stays");
    assert_eq!((name("./cifar_10"), name("CIFAR_10")), ("cifar-10".into(), "cifar-10".into()));
    assert_eq!((name("Faces.NPY"), name("faces.v2.Npz")), ("faces".into(), "faces-v2".into()));
    // The name of a cache or a judge has a hash and an ending, and fits in 255 bytes.
    for long in ["a".repeat(255), "a b".repeat(85), "é".repeat(120) + "abc"] {
        assert!((1..=100).contains(&name(&long).len()) && name(&long).is_ascii());
    }
}

/// A link is named after itself. Only the end of a path can need the file system.
#[cfg(unix)]
#[test]
fn links_have_their_own_names() {
    let root = folder(&[("cats v1/1.png", 1), ("cats v1/old/2.png", 2)]);
    let link = root.path().join("Cats");
    std::os::unix::fs::symlink(root.path().join("cats v1/old"), &link).unwrap();
    std::os::unix::fs::symlink("cats v1", root.path().join("glyphs")).unwrap();
    assert_eq!(dataset_name(&link), "cats");
    assert_eq!(dataset_name(&link.join("..")), "cats-v1", "the parent of the target");
    assert_eq!(dataset_name(&root.path().join("glyphs")), "glyphs");
}

#[test]
fn a_name_is_a_known_set_or_a_path() {
    let root = folder(&[("glyphs/a/1.png", 1), ("glyphs/a/2.png", 2), ("x.png", 1)]);
    let options = options();
    let path = root.path().join("glyphs");
    let data = Dataset::load(path.to_str().unwrap(), Split::Train, &options, None).unwrap();
    assert_eq!((data.classes(), data.channels(), data.len()), (&["a".to_string()][..], 3, 1));
    assert_eq!(source("glyphs", &options).unwrap().channels(), 1, "a known name");
    let unknown = |name: &str| source(name, &options).map(|_| ());
    let words = ["there is no dataset \"birds\"", "known are glyphs", "or the path of a directory"];
    assert_message(unknown("birds"), &words);
    let file = root.path().join("x.png");
    assert_message(unknown(file.to_str().unwrap()), &["x.png is neither a directory of images nor an array"]);
    for path in ["./birds", "birds/", "~/birds", "mnist/", "birds.tar"] {
        assert_message(unknown(path), &[&format!("there is no directory or file {path}")]);
    }
    assert_message(unknown("~/birds"), &["the shell did not replace ~"]);
    assert_message(unknown("bi\nrds"), &[r"bi\nrds"]);
}
