//! Tests which files of a folder are images, and which classes and splits they have.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::SystemTime;

use tempfile::TempDir;

use super::assert_message;
use crate::folder::scan::{Listing, arrange, scan};
use crate::folder::walk::{Found, Skipped, Tree, walk_with};
use crate::{DataError, Split};

/// A folder with these files, all of which are empty.
fn folder(files: &[&str]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        super::write(root.path(), &[(file, b"")]);
    }
    root
}

fn scanned(files: &[&str]) -> Result<Listing, DataError> {
    scan(folder(files).path())
}

/// Each image with its label.
fn labelled(listing: &Listing) -> Vec<(String, u16)> {
    let paths = listing.images.iter().map(|image| image.path.to_str().unwrap().replace('\\', "/"));
    paths.zip(listing.labels.iter().copied()).collect()
}

fn pairs(expected: &[(&str, u16)]) -> Vec<(String, u16)> {
    expected.iter().map(|&(path, label)| (path.to_string(), label)).collect()
}

#[test]
fn a_flat_folder_has_no_labels() {
    let listing = scanned(&["b.png", "a.JPG", "c.jpeg", "d.WebP", "e.bmp", "f.gif"]).unwrap();
    assert_eq!(listing.classes, [""; 0]);
    let names = ["a.JPG", "b.png", "c.jpeg", "d.WebP", "e.bmp", "f.gif"];
    assert_eq!(labelled(&listing), pairs(&names.map(|name| (name, 0))));
    assert_eq!((listing.splits, listing.notes), (None, vec![]));
}

#[test]
fn first_level_folders_are_classes() {
    let listing = scanned(&["dog/1.png", "cat/b/deep/2.png", "cat/a.png", "notes/readme.txt"]).unwrap();
    assert_eq!(listing.classes, ["cat", "dog"]);
    assert_eq!(labelled(&listing), pairs(&[("cat/a.png", 0), ("cat/b/deep/2.png", 0), ("dog/1.png", 1)]));
    assert_eq!(listing.notes, ["skipped entries: 1 (not images), 1 (folders without images)"]);
}

/// A class folder without images is no class, which a user may not expect. Folders in it do not
/// count.
#[test]
fn folders_without_images_are_counted() {
    let root = folder(&["cat/1.png", "cat/sub/2.png"]);
    for empty in ["dog", "bird/deep/deeper", "cat/none", ".hidden"] {
        fs::create_dir_all(root.path().join(empty)).unwrap();
    }
    let listing = scan(root.path()).unwrap();
    assert_eq!(listing.classes, ["cat"]);
    assert_eq!(listing.notes, ["skipped entries: 1 (hidden), 3 (folders without images)"]);
}

#[test]
fn paths_are_sorted_name_by_name() {
    let files = ["a/z.png", "a-b/1.png", "a.x/1.png", "B/1.png", "a/10.png", "a/9.png", "é/1.png"];
    let listing = scanned(&files).unwrap();
    let expected = ["B/1.png", "a/10.png", "a/9.png", "a/z.png", "a-b/1.png", "a.x/1.png", "é/1.png"];
    let found: Vec<_> = listing.images.iter().map(|image| image.path.clone()).collect();
    assert_eq!(found, expected.map(|path| Path::new(path).into()));
    assert!(found.is_sorted(), "as paths are compared");
    assert_eq!(listing.classes, ["B", "a", "a-b", "a.x", "é"]);
}

#[test]
fn hidden_files_and_others_are_skipped_and_counted() {
    let files =
        ["a.png", "b.png", ".c.png", ".git/d.png", "._a.png", "e.txt", "png", "f.png.txt", "x/y.tiff"];
    let listing = scanned(&files).unwrap();
    assert_eq!(labelled(&listing), pairs(&[("a.png", 0), ("b.png", 0)]));
    assert_eq!(listing.notes, ["skipped entries: 3 (hidden), 4 (not images), 1 (folders without images)"]);
}

#[test]
fn images_beside_class_folders_are_an_error() {
    let beside = |files| assert_message(scanned(files), &["the image x.png", "beside the class folder cat"]);
    beside(&["x.png", "cat/1.png"]);
    beside(&["cat/1.png", "cat/2.png", "x.png"]);
    let split = scanned(&["train/cat/1.png", "train/dog/1.png", "train/d.png"]);
    assert_message(split, &["the image train/d.png", "beside the class folder train/cat"]);
    let test = scanned(&["train/cat/1.png", "test/cat/1.png", "test/d.png"]);
    assert_message(test, &["the image test/d.png", "beside the class folder test/cat"]);
}

#[test]
fn split_folders_hold_the_classes() {
    let files = ["train/b/1.png", "train/a/x/2.png", "test/a/3.png", "test/b/4.png", "train/b/5.png"];
    let listing = scanned(&files).unwrap();
    assert_eq!(listing.classes, ["a", "b"]);
    let expected = [
        ("test/a/3.png", 0),
        ("test/b/4.png", 1),
        ("train/a/x/2.png", 0),
        ("train/b/1.png", 1),
        ("train/b/5.png", 1),
    ];
    assert_eq!(labelled(&listing), pairs(&expected));
    let (train, test) = (Split::Train, Split::Test);
    assert_eq!(listing.splits, Some(vec![test, test, train, train, train]));
    assert_eq!(listing.notes, [""; 0]);
}

#[test]
fn validation_images_are_the_test_split_if_there_is_no_other() {
    for name in ["val", "valid"] {
        let listing = scanned(&["train/a/1.png", &format!("{name}/a/2.png")]).unwrap();
        assert_eq!(listing.splits, Some(vec![Split::Train, Split::Test]), "{name}");
    }
    let listing = scanned(&["train/a/1.png", "val/c/2.png", "test/a/3.png", "valid/a/4.png"]).unwrap();
    assert_eq!(labelled(&listing), pairs(&[("test/a/3.png", 0), ("train/a/1.png", 0)]));
    let unused = |name| format!("{name} is not used, because test is the test split");
    assert_eq!(listing.notes, [unused("val"), unused("valid")]);
    let both = scanned(&["train/a/1.png", "val/a/2.png", "valid/a/4.png"]).unwrap();
    assert_eq!(labelled(&both), pairs(&[("train/a/1.png", 0), ("val/a/2.png", 0)]));
}

#[test]
fn a_training_split_alone_is_split_later() {
    let listing = scanned(&["train/b/1.png", "train/a/2.png"]).unwrap();
    assert_eq!((listing.classes, listing.splits), (vec!["a".to_string(), "b".to_string()], None));
}

#[test]
fn split_names_without_class_folders_are_classes() {
    let listing = scanned(&["train/1.png", "test/2.png"]).unwrap();
    assert_eq!(listing.classes, ["test", "train"]);
    assert_eq!(listing.notes, ["train has no class folders; classes, not splits: train, test"]);
    let half = scanned(&["train/a/1.png", "test/2.png"]).unwrap();
    assert_eq!(half.classes, ["test", "train"]);
    assert_eq!(half.notes, ["test has no class folders; classes, not splits: train, test"]);
    // Split folders without images do not count.
    let empty = scanned(&["train/a/1.png", "train/a/2.png", "val/readme.txt"]).unwrap();
    assert_eq!((empty.classes, empty.splits), (vec!["a".to_string()], None));
}

#[test]
fn splits_that_do_not_fit_together_are_errors() {
    let odd = scanned(&["train/a/1.png", "train/b/1.png", "test/a/1.png"]);
    assert_message(odd, &["the class b in train but not in test"]);
    let odd = scanned(&["train/a/1.png", "val/a/1.png", "val/b/1.png"]);
    assert_message(odd, &["the class b in val but not in train"]);
    assert_message(scanned(&["train/a/1.png", "cat/1.png"]), &["has cat beside the split train"]);
    assert_message(scanned(&["train/a/1.png", "x.png"]), &["has x.png beside the split train"]);
    assert_message(scanned(&["test/a/1.png", "test/b/1.png"]), &["the split test but no split train"]);
}

#[test]
fn too_few_images_are_errors() {
    let nothing = scanned(&[]);
    assert_message(nothing, &["has no images (png, jpg, jpeg, webp, bmp or gif); skipped entries: none"]);
    let other = scanned(&[".a.png", "b.txt", "c.pdf", "d/e"]);
    assert_message(other, &["has no images", "skipped entries: 1 (hidden), 3 (not images)"]);
    assert_message(scanned(&["cat/1.png", "b.txt"]), &["has only one image; a dataset needs two or more"]);
}

#[test]
fn a_missing_folder_is_an_error() {
    let root = folder(&["a.png"]);
    assert_message(scan(&root.path().join("b")), &["cannot read the directory", "b: "]);
    assert_message(scan(&root.path().join("a.png")), &["cannot read the directory", "a.png: "]);
}

#[test]
fn an_unreadable_directory_is_an_error() {
    let root = folder(&["cat/1.png", "do\ng/1.png"]);
    let refused = walk_with(root.path(), &|directory| {
        if directory.ends_with("do\ng") {
            Err(ErrorKind::PermissionDenied.into())
        } else {
            fs::read_dir(directory)
        }
    });
    assert_message(refused, &["cannot read the directory", r"do\ng: permission denied"]);
    assert_eq!(walk_with(root.path(), &|directory| fs::read_dir(directory)).unwrap().images.len(), 2);
    let gone = walk_with(root.path(), &|directory| match directory.ends_with("cat") {
        true => Err(ErrorKind::NotFound.into()),
        false => fs::read_dir(directory),
    });
    assert_message(gone, &["cat changed while the folder was read; start again"]);
}

#[test]
fn too_many_classes_are_an_error() {
    let tree = |classes: usize| {
        let found = |class| Found {
            path: Path::new(&format!("{class:06}/1.png")).into(),
            size: 1,
            modified: SystemTime::UNIX_EPOCH,
        };
        Tree { images: (0..classes).map(found).collect(), skipped: Skipped::default() }
    };
    for classes in [65_536, 100_000] {
        assert_message(
            arrange("root".into(), tree(classes)),
            &["root has", "classes, and at most 65535 are possible"],
        );
    }
    let listing = arrange("root".into(), tree(65_535)).unwrap();
    assert_eq!(listing.classes.len(), 65_535);
    assert_eq!(listing.labels, (0..65_535).collect::<Vec<u16>>());
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;
    use crate::folder::walk::walk;

    #[test]
    fn links_are_followed_and_loops_are_noticed() {
        let root = folder(&["real/a/1.png", "real/b/2.png"]);
        let dataset = root.path().join("set");
        fs::create_dir_all(dataset.join("x")).unwrap();
        symlink(root.path().join("real/a"), dataset.join("linked")).unwrap();
        symlink(root.path().join("real/b/2.png"), dataset.join("x/file.png")).unwrap();
        symlink("..", dataset.join("x/up")).unwrap();
        symlink("../../real", dataset.join("x/sub")).unwrap();
        // A loop outside the dataset, which the dataset enters by a link.
        symlink("../..", root.path().join("real/a/back")).unwrap();
        let tree = walk(&dataset).unwrap();
        let paths: Vec<_> = tree.images.iter().map(|image| image.path.to_str().unwrap()).collect();
        // `back` leads to everything, of which `a` and `set` are listed under other paths.
        assert_eq!(paths, ["linked/1.png", "linked/back/real/b/2.png", "x/file.png"]);
        assert_eq!(tree.skipped, Skipped { repeated: 4, ..Skipped::default() });
        // The root may be a link as well.
        symlink(&dataset, root.path().join("alias")).unwrap();
        let alias = scan(&root.path().join("alias")).unwrap();
        assert_eq!(alias.root, fs::canonicalize(&dataset).unwrap());
    }

    #[test]
    fn a_direct_loop_is_skipped() {
        let root = folder(&["cat/1.png", "cat/2.png"]);
        symlink(root.path(), root.path().join("cat/root")).unwrap();
        symlink(".", root.path().join("cat/self")).unwrap();
        let tree = walk(root.path()).unwrap();
        assert_eq!(tree.images.len(), 2);
        assert_eq!(tree.skipped, Skipped { repeated: 2, ..Skipped::default() });
    }

    /// The number of paths through such folders is the factorial of their number.
    #[test]
    fn folders_that_link_to_each_other_are_listed_once() {
        let names: Vec<String> = (10..22).map(|folder| folder.to_string()).collect();
        let files: Vec<String> = names.iter().map(|name| format!("{name}/1.png")).collect();
        let root = folder(&files.iter().map(String::as_str).collect::<Vec<_>>());
        for (from, to) in names.iter().flat_map(|from| names.iter().map(move |to| (from, to))) {
            symlink(format!("../{to}"), root.path().join(format!("{from}/to{to}"))).unwrap();
        }
        let listing = scan(root.path()).unwrap();
        assert_eq!(listing.classes, names);
        assert_eq!(listing.labels, (0..12).collect::<Vec<u16>>());
        assert_eq!(listing.notes, ["skipped entries: 144 (folders with another path)"]);

        // Folders elsewhere and hidden folders are listed under the first path that leads to them.
        let set = tempfile::tempdir().unwrap();
        super::super::write(set.path(), &[(".store/1.png", b"")]);
        symlink(".store", set.path().join("b")).unwrap();
        symlink(".store", set.path().join("c")).unwrap();
        symlink(root.path().join("10"), set.path().join("d")).unwrap();
        let tree = walk(set.path()).unwrap();
        let paths: Vec<_> = tree.images.iter().map(|image| image.path.to_str().unwrap()).collect();
        assert_eq!((paths.len(), paths[0]), (13, "b/1.png"));
        assert!(paths[1].starts_with("d/"), "{paths:?}");
    }

    #[test]
    fn dangling_links_and_pipes() {
        let root = folder(&["1.png"]);
        symlink("nowhere", root.path().join("dangling.png")).unwrap();
        symlink("itself.png", root.path().join("itself.png")).unwrap();
        symlink("nowhere", root.path().join("dangling")).unwrap();
        assert!(Command::new("mkfifo").arg(root.path().join("pipe.png")).status().unwrap().success());
        symlink("pipe.png", root.path().join("linked.png")).unwrap();
        let tree = walk(root.path()).unwrap();
        let sizes: Vec<_> =
            tree.images.iter().map(|image| (image.path.to_str().unwrap(), image.size)).collect();
        assert_eq!(sizes, [("1.png", 0), ("dangling.png", 0), ("itself.png", 0)]);
        assert_eq!(tree.skipped, Skipped { others: 3, ..Skipped::default() });
    }

    #[test]
    fn awkward_names_are_classes_on_one_line() {
        let root = tempfile::tempdir().unwrap();
        for name in [&b"a\nb"[..], b"caf\xe9", b"a\\nb", "\u{1f600} \u{202e}x".as_bytes()] {
            let class = root.path().join(OsStr::from_bytes(name));
            fs::create_dir(&class).unwrap();
            fs::write(class.join(OsStr::from_bytes(b"\xff\t.png")), b"").unwrap();
        }
        let listing = scan(root.path()).unwrap();
        assert_eq!(listing.classes, [r"a\nb", r"a\\nb", r"caf\xe9", "\u{1f600} \\u{202e}x"]);
        assert_eq!(listing.labels, [0, 1, 2, 3]);
        let other = root.path().join(OsStr::from_bytes(b"top\xff\n.png"));
        fs::write(other, b"").unwrap();
        assert_message(scan(root.path()), &[r"the image top\xff\n.png", r"the class folder a\nb"]);
    }
}
