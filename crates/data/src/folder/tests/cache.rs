//! Tests that decoded images are kept in a file, and that every damage of the file is noticed.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::files::{encode, gray_png};
use super::place::{Place, pixels};
use super::{assert_message, names, write};
use crate::folder::Folder;
use crate::folder::key::{DECODERS, content};
use crate::folder::permit::{Large, Permit};
use crate::folder::record::Record;
use crate::folder::scan::scan;
use crate::settings::Settings;
use crate::source::Source;
use crate::{Digest, FitMode, Options, Split};

#[test]
fn images_are_decoded_once() {
    let place = Place::new();
    assert_eq!(place.levels(), [0, 10, 20, 30, 40, 50]);
    assert_eq!(place.events(), ["1/6", "2/6", "3/6", "4/6", "5/6", "6/6"]);
    let before = fs::read(place.cache()).unwrap();
    assert_eq!(before.len(), 16 + 32 + 32 + 8 + 6 * 32 + 6 * 16 * 16 * 3);
    assert_eq!(place.levels(), [0, 10, 20, 30, 40, 50]);
    assert!(!place.decodes());
    assert_eq!(fs::read(place.cache()).unwrap(), before);
}

#[test]
fn a_cache_and_memory_hold_the_same() {
    let place = Place::new();
    let in_memory = Options { cache_dir: None, ..place.options.clone() };
    for split in [Split::Train, Split::Test] {
        let cached = place.load(split).unwrap();
        let memory = Folder::new(&place.folder(), &in_memory).load(split, None).unwrap();
        assert_eq!(pixels(&*cached, 3), pixels(&*memory, 3));
        assert_eq!(cached.labels(), memory.labels());
        assert_eq!(cached.fingerprint(), memory.fingerprint());
        assert_eq!(cached.file_list(), memory.file_list());
    }
    assert_eq!(names(&place.caches()).len(), 1);
}

#[test]
fn a_change_of_the_folder_replaces_the_cache() {
    let place = Place::new();
    assert_eq!(place.levels(), [0, 10, 20, 30, 40, 50]);
    let path = place.cache();
    // A new image, a removed one, and one with the same size and another time.
    write(&place.folder(), &[("a/new.png", &gray_png(20, 20, 7))]);
    assert_eq!(place.levels(), [0, 7, 10, 20, 30, 40, 50]);
    fs::remove_file(place.folder().join("a/0.png")).unwrap();
    assert_eq!(place.levels(), [7, 10, 20, 30, 40, 50]);
    let (one, time) = (place.folder().join("a/1.png"), SystemTime::now() + Duration::from_nanos(100));
    fs::write(&one, gray_png(20, 20, 11)).unwrap();
    fs::File::options().write(true).open(&one).unwrap().set_modified(time).unwrap();
    assert_eq!(place.levels(), [7, 11, 20, 30, 40, 50]);
    assert_eq!(place.cache(), path, "it has the same name");
    assert_eq!(place.load(Split::Train).unwrap().notes(), [""; 0]);
}

#[test]
fn every_setting_is_in_the_key() {
    let place = Place::new();
    let listing = scan(&place.folder()).unwrap();
    let settings = Settings { size: 16, channels: 3, background: [255; 3], fit: FitMode::Crop };
    let changed = [
        settings,
        Settings { size: 17, ..settings },
        Settings { channels: 1, ..settings },
        Settings { background: [255, 255, 254], ..settings },
        Settings { fit: FitMode::Pad, ..settings },
    ];
    let key = |settings: Settings| content(&listing, &settings).key;
    let keys: Vec<Digest> = changed.iter().copied().map(key).collect();
    for (number, key) in keys.iter().enumerate() {
        assert!(!keys[..number].contains(key), "{:?}", changed[number]);
    }
    // The fraction of test images changes no pixels.
    place.load(Split::Train).unwrap();
    place.events();
    let half = Options { test_fraction: 0.5, ..place.options.clone() };
    Folder::new(&place.folder(), &half).load(Split::Train, None).unwrap();
    assert!(!place.decodes());
}

/// The key names the decoders. After an update of one of them, its line here must change.
#[test]
fn the_key_has_the_versions_of_the_decoders() {
    let lock = include_str!("../../../../../Cargo.lock");
    for decoder in DECODERS {
        let (name, version) = decoder.split_once(' ').unwrap();
        let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
        assert!(lock.contains(&entry), "Cargo.lock has another version of {decoder}");
    }
}

/// The pixels of a picture that needs all of our conversions. If this digest changes, the version
/// in the module `cache` must change, because caches hold the old pixels.
#[test]
fn the_pixels_of_this_version_stay() {
    let picture = image::RgbaImage::from_fn(33, 20, |x, y| {
        image::Rgba([(7 * x) as u8, (11 * y) as u8, 99, (x * y) as u8])
    });
    let file = encode(picture, image::ImageFormat::Png);
    let digest = |channels, fit| {
        let settings = Settings { size: 16, channels, background: [200, 100, 0], fit };
        Record::of(&file, &settings, &mut Permit::new(&Large::default())).ok().unwrap().digest.to_string()
            [..16]
            .to_string()
    };
    let digests = [digest(3, FitMode::Crop), digest(1, FitMode::Pad)];
    assert_eq!(digests, ["14ea8f50b161be68", "12f057757c1f7a5f"]);
}

/// The sizes of the files are not in the cache, so their number is.
#[test]
fn enlarged_images_are_counted() {
    let place = Place::new();
    let large = Options { image_size: 40, ..place.options.clone() };
    write(&place.folder(), &[("a/large.png", &gray_png(60, 50, 7)), ("b/wide.png", &gray_png(60, 39, 7))]);
    let notes = || {
        let split = Folder::new(&place.folder(), &large).load(Split::Train, None).unwrap();
        split.notes().to_vec()
    };
    let expected = ["smaller images are enlarged to 40x40: 7 of 8"];
    assert_eq!((notes(), place.events().len()), (expected.map(String::from).to_vec(), 8));
    assert_eq!((notes(), place.events().len()), (expected.map(String::from).to_vec(), 0));
}

#[test]
fn a_damaged_cache_is_decoded_again() {
    let place = Place::new();
    place.load(Split::Train).unwrap();
    let whole = fs::read(place.cache()).unwrap();
    place.events();
    let damaged_bytes = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let cut = |len: usize| whole[..len].to_vec();
    let longer = [&whole[..], b"x"].concat();
    // The name of the format, the seal, the number, the digests; then files that are too short or
    // too long.
    let damaged = [
        damaged_bytes(0),
        damaged_bytes(50),
        damaged_bytes(84),
        damaged_bytes(90),
        cut(0),
        cut(79),
        cut(100),
        cut(whole.len() - 1),
        longer,
    ];
    for (number, bytes) in damaged.into_iter().enumerate() {
        fs::write(place.cache(), bytes).unwrap();
        let note = format!("{} was damaged; its images are decoded again", place.cache().display());
        assert_eq!(place.load(Split::Train).unwrap().notes(), [note], "{number}");
        assert!(place.decodes());
        assert_eq!(place.levels(), [0, 10, 20, 30, 40, 50]);
        assert!(fs::read(place.cache()).unwrap() == whole);
    }
    // Opening a pipe would wait for a writer.
    #[cfg(unix)]
    {
        let cache = place.cache();
        fs::remove_file(&cache).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&cache).status().unwrap().success());
        assert_eq!(place.load(Split::Train).unwrap().notes().len(), 1);
        assert!(place.decodes() && fs::read(place.cache()).unwrap() == whole);
    }
    // An earlier version of the format, and another key, are not damage.
    for at in [15, 20] {
        fs::write(place.cache(), damaged_bytes(at)).unwrap();
        assert_eq!(place.load(Split::Train).unwrap().notes(), [""; 0]);
        assert!(place.decodes());
        assert!(fs::read(place.cache()).unwrap() == whole);
    }
}

/// Damages all pixels of a cache in place, so an open file sees it.
fn damage_pixels(cache: &Path) {
    let mut bytes = fs::read(cache).unwrap();
    let start = bytes.len() - 6 * 16 * 16 * 3;
    bytes[start..].iter_mut().for_each(|byte| *byte ^= 4);
    fs::write(cache, &bytes).unwrap();
}

#[test]
fn damaged_pixels_are_decoded_again() {
    let place = Place::new();
    let expected = pixels(&*place.load(Split::Train).unwrap(), 3);
    let damages: [fn(&Path); 2] =
        [damage_pixels, |cache| fs::File::options().write(true).open(cache).unwrap().set_len(200).unwrap()];
    for damage in damages {
        let images = place.load(Split::Train).unwrap();
        place.events();
        damage(&place.cache());
        // Twice, because a damaged image must not count as verified.
        for _ in 0..2 {
            assert_eq!(pixels(&*images, 3), expected);
        }
        assert_eq!((names(&place.caches()), place.decodes()), (vec![], false), "images, not the folder");
        assert_eq!(pixels(&*place.load(Split::Train).unwrap(), 3), expected);
        assert!(place.decodes(), "the cache was removed");
    }
}

/// Pixels that differ from those of the first read would give other results.
#[test]
fn a_damaged_image_that_has_changed_is_an_error() {
    let place = Place::new();
    let images = place.load(Split::Train).unwrap();
    let cache = place.cache();
    let expected = pixels(&*place.load(Split::Train).unwrap(), 3);
    damage_pixels(&cache);
    let number = usize::from(expected[0][0]) / 10;
    let path = place.folder().join(format!("{}/{number}.png", ["a", "b"][number / 3]));
    let content = fs::read(&path).unwrap();
    let mut image = vec![0; 16 * 16 * 3];
    for (changed, problem) in [(&gray_png(20, 20, 99)[..], "it has changed"), (b"", "it is not a PNG")] {
        fs::write(&path, changed).unwrap();
        let shown = path.display().to_string();
        let words =
            [&*cache.display().to_string(), " is damaged, and ", &shown, problem, "; restore the image"];
        assert_message(images.image(0, &mut image), &words);
    }
    fs::remove_file(&path).unwrap();
    assert_message(images.image(0, &mut image), &["cannot be decoded in its place: No such file"]);
    fs::write(&path, content).unwrap();
    images.image(0, &mut image).unwrap();
    assert_eq!(image, expected[0]);
}

#[test]
fn an_open_cache_survives_its_replacement() {
    let place = Place::new();
    let before = place.load(Split::Train).unwrap();
    let expected = pixels(&*before, 3);
    let larger = Options { image_size: 24, ..place.options.clone() };
    let after = Folder::new(&place.folder(), &larger).load(Split::Train, None).unwrap();
    assert_eq!(pixels(&*after, 3)[0].len(), 24 * 24 * 3);
    assert_eq!(pixels(&*before, 3), expected);
    assert_eq!(names(&place.caches()).len(), 1, "the new cache replaces the old one");
}
