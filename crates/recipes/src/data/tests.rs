//! Tests what a run records about its data.

use super::*;
use crate::vae::Settings;
use adjoint_data::Digest;
use adjoint_runs::{Config, parse};

/// Writes the set `tiny` and a manifest with its checksums into a directory. Returns the settings
/// of a run on it.
fn settings(root: &Path) -> Settings {
    let place = root.join("tiny");
    fs::create_dir(&place).unwrap();
    let images = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 16, 0, 0, 0, 16][..], &[7; 2 * 256]].concat();
    let labels = [0, 0, 8, 1, 0, 0, 0, 2, 0, 0];
    let file = |name: &str, content: &[u8]| {
        fs::write(place.join(name), content).unwrap();
        let sha256 = Digest::of(content);
        format!(
            "{name} = {{ name = \"{name}\", gz_bytes = 9, gz_sha256 = \"{sha256}\", sha256 = \"{sha256}\" }}\n"
        )
    };
    let files = [file("images", &images), file("labels", &labels)].concat();
    let splits = ["train", "test"].map(|split| format!("[tiny.{split}]\nitems = 2\n{files}")).concat();
    let manifest = root.join("own.toml");
    let head = "[tiny]\nmirrors = []\nsize = [16, 16]\nclasses = [\"a\"]\n";
    fs::write(&manifest, format!("{head}{splits}")).unwrap();
    let [root, manifest] = [root, &manifest].map(|path| path.to_str().unwrap());
    let flags = ["--dataset", "tiny", "--data-dir", root, "--manifest", manifest, "--image-size", "16"];
    parse([&["train-vae", "--batch-size", "2", "--quiet"], &flags[..]].concat()).unwrap()
}

/// The checkpoint of such a run has no digest, and it must agree with the settings.
#[test]
fn a_run_of_an_earlier_version_continues_without_a_digest() {
    let root = tempfile::tempdir().unwrap();
    let settings = settings(root.path());
    for resume in [None, Some(root.path().to_path_buf())] {
        let (mut data, mut common) = (settings.data().clone(), settings.common().clone());
        common.resume.clone_from(&resume);
        load_to_train(&mut data, &common).unwrap();
        let recorded =
            [data.dataset_sha256.is_some(), data.dataset_classes.is_some(), data.channels.is_some()];
        assert_eq!(recorded, [resume.is_none(); 3]);

        // A digest that was recorded is checked.
        data.dataset_sha256 = Some(Digest::of(b"other"));
        let error = load_to_train(&mut data, &common).unwrap_err().to_string();
        assert!(error.contains("not the images of the run"), "{error}");
    }
}

/// Also those of a set without a digest.
#[test]
fn recorded_places_do_not_depend_on_the_current_directory() {
    let settings: Settings = parse(["train-vae", "--image-size", "16", "--steps", "1", "--quiet"]).unwrap();
    let mut data = settings.data().clone();
    (data.data_dir, data.cache_dir) = (Some("sets".into()), Some("caches".into()));
    load_to_train(&mut data, settings.common()).unwrap();
    let here = std::env::current_dir().unwrap();
    assert_eq!([data.data_dir, data.cache_dir], ["sets", "caches"].map(|place| Some(here.join(place))));
    assert_eq!((data.manifest, data.dataset_sha256), (None, None));
}

/// Links before `..` decide its target, and what does not exist yet is no link.
#[test]
#[cfg(unix)]
fn places_are_resolved() {
    let place = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(&place).unwrap();
    fs::create_dir_all(root.join("photos/cats")).unwrap();
    std::os::unix::fs::symlink("photos/cats", root.join("link")).unwrap();
    for (path, real) in [
        ("link", "photos/cats"),
        ("link/..", "photos"),
        ("link/new/runs", "photos/cats/new/runs"),
        ("link/new/../../runs", "photos/runs"),
        ("photos/../runs", "runs"),
        ("new/../photos", "photos"),
    ] {
        assert_eq!(resolved(&root.join(path)).unwrap(), root.join(real), "{path}");
    }
}
