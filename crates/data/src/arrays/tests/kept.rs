//! Arrays are converted once. Their images are kept in a file, or in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use super::*;
use crate::Report;
use crate::arrays::convert::Conversion;
use crate::arrays::place::Stamp;

/// Bytes of a cache before the facts.
const HEAD: usize = 80;
/// Bytes of one digest per image.
const DIGESTS: usize = IMAGES * 32;

/// A directory with arrays and caches.
struct Cached {
    place: Place,
    options: Options,
    converted: Arc<AtomicUsize>,
}

impl Cached {
    fn new() -> Self {
        let (place, converted) = (Place::new(), Arc::new(AtomicUsize::new(0)));
        let count = converted.clone();
        let report = Report::new(move |progress| count.store(progress.done, Relaxed));
        let cache_dir = Some(place.0.path().join("caches"));
        let options = Options { cache_dir, report, ..options() };
        Self { place, options, converted }
    }

    /// Number of images that have been converted since the last call.
    fn converted(&self) -> usize {
        self.converted.swap(0, Relaxed)
    }

    /// The paths of all caches.
    fn caches(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.place.0.path().join("caches")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// The only cache.
    fn cache(&self) -> PathBuf {
        let caches = self.caches();
        assert_eq!(caches.len(), 1, "{caches:?}");
        caches[0].clone()
    }
}

/// Sets the time of modification.
fn touch(path: &Path, time: SystemTime) {
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// What a user can see of a dataset.
fn seen(path: &Path, options: &Options) -> (Vec<u8>, String, Vec<String>) {
    let (pixels, fingerprint) = both_splits(path, options, 3);
    let train = load(path, Split::Train, options).unwrap();
    (pixels, fingerprint + &train.file_list().unwrap(), train.notes().to_vec())
}

#[test]
fn an_array_is_converted_once() {
    let of_floats = floats(&SHAPE, |index| f32::from(pixels()[index]) / 255.0);
    for (content, elements, extent) in
        [(bytes(&SHAPE, &pixels()), IMAGES * 48, 0), (of_floats, IMAGES * 48 * 4, 16)]
    {
        let cached = Cached::new();
        let path = cached.place.write("faces.npy", &content);
        let modified = path.metadata().unwrap().modified().unwrap();
        let expected = seen(&path, &options());
        assert_eq!(seen(&path, &cached.options), expected);
        assert_eq!(cached.converted(), IMAGES);
        let cache = cached.cache();
        assert!(cache.file_name().unwrap().to_str().unwrap().starts_with("faces-"), "{cache:?}");
        let facts = DIGESTS + extent;
        assert_eq!(fs::metadata(&cache).unwrap().len() as usize, HEAD + facts + DIGESTS + IMAGES * 48);
        // The elements are not read again, so this change is not seen.
        let start = content.len() - elements;
        fs::write(&path, [&content[..start], &vec![1; elements]].concat()).unwrap();
        touch(&path, modified);
        assert_eq!(seen(&path, &cached.options), expected);
        assert_eq!(cached.converted(), 0);
        let train = load(&path, Split::Train, &cached.options).unwrap();
        assert!(format!("{train:?}").contains("\"file\""), "{train:?}");
    }
}

#[test]
fn a_change_replaces_the_cache() {
    let cached = Cached::new();
    let path = cached.place.write("a.npy", &bytes(&SHAPE, &pixels()));
    let check = |options: &Options, converted: usize| {
        let in_memory = Options { cache_dir: None, report: Report::default(), ..options.clone() };
        assert_eq!(seen(&path, options), seen(&path, &in_memory));
        assert_eq!(cached.converted(), converted);
        cached.cache();
    };
    check(&cached.options, IMAGES);
    // The same size and another time; then another size.
    let changed: Vec<u8> = pixels().iter().map(|pixel| pixel ^ 8).collect();
    cached.place.write("a.npy", &bytes(&SHAPE, &changed));
    touch(&path, SystemTime::now() + Duration::from_nanos(100));
    check(&cached.options, IMAGES);
    cached.place.write("a.npy", &bytes(&[IMAGES - 1, 4, 4, 3], &pixels()[48..]));
    check(&cached.options, IMAGES - 1);
    check(&Options { image_size: 5, ..cached.options.clone() }, IMAGES - 1);
    check(&Options { fit: Some(FitMode::Pad), image_size: 5, ..cached.options.clone() }, IMAGES - 1);
    // Labels and splits are not in the cache.
    let half =
        Options { test_fraction: 0.5, fit: Some(FitMode::Pad), image_size: 5, ..cached.options.clone() };
    check(&half, 0);
    cached.place.write("a.labels.npy", &labels(&[1; IMAGES - 1]));
    check(&half, 0);
    // An array with another path has its own cache.
    let other = cached.place.write("b.npy", &bytes(&SHAPE, &pixels()));
    load(&other, Split::Train, &cached.options).unwrap();
    assert_eq!(cached.caches().len(), 2);
}

#[test]
fn everything_that_decides_pixels_is_in_the_key() {
    let place = Place::new();
    let path = place.write("a.npy", &bytes(&SHAPE, &pixels()));
    let options = options();
    let settings = Settings::of(&options, 3, FitMode::Crop);
    let key = |change: &dyn Fn(&mut Part, &mut Settings)| {
        let (mut parts, mut settings) = (Arrays::open(&path, &options).unwrap().parts, settings);
        change(&mut Arc::get_mut(&mut parts).unwrap()[0], &mut settings);
        Conversion { parts, settings, report: Report::default() }.content().unwrap().key
    };
    let later = SystemTime::now() + Duration::from_secs(1);
    let keys = [
        key(&|_, _| ()),
        key(&|part, _| part.place.stamp.size += 1),
        key(&|part, _| part.place.stamp = Stamp { modified: later, ..part.place.stamp }),
        key(&|part, _| part.place.member = Some((0, "x".to_owned()))),
        key(&|part, _| part.place.member = Some((1, "x".to_owned()))),
        key(&|part, _| part.header.fortran_order = true),
        key(&|part, _| part.header.shape = vec![IMAGES, 4, 3, 4]),
        key(&|_, settings| settings.size += 1),
        key(&|_, settings| settings.channels = 1),
        key(&|_, settings| settings.background = [0; 3]),
        key(&|_, settings| settings.fit = FitMode::Stretch),
    ];
    for (number, key) in keys.iter().enumerate() {
        assert!(!keys[..number].contains(key), "key {number}");
    }
    assert_eq!(keys[0], key(&|_, _| ()));
}

/// Runs record this SHA-256, so it must stay. It is over the images as they are stored, which are
/// larger here. The expected value was computed by a script from the description of the hash.
#[test]
fn the_fingerprint_is_that_of_the_stored_pixels() {
    let cached = Cached::new();
    let path = cached.place.write("a.npy", &bytes(&SHAPE, &pixels()));
    for options in
        [Options { image_size: 3, ..options() }, Options { image_size: 3, ..cached.options.clone() }]
    {
        for _ in 0..2 {
            let fingerprint = load(&path, Split::Test, &options).unwrap().fingerprint().unwrap();
            let expected = "3776a581308317e44ad4f7039262bda9efb02b37f7c4c9c6944705c065ac6057";
            assert_eq!(fingerprint.to_string(), expected);
        }
    }
}

/// The pixels of images that are converted and fitted. If this digest changes, the version in the
/// module `cache` must change, because caches hold the old pixels.
#[test]
fn the_pixels_of_this_version_stay() {
    let place = Place::new();
    let path =
        place.write("a.npy", &floats(&[4, 9, 7, 3], |index| (index * index % 256) as f32 / 127.5 - 1.0));
    let options = Options { image_size: 6, channels: Some(1), fit: Some(FitMode::Pad), ..options() };
    let (pixels, _) = both_splits(&path, &options, 1);
    assert_eq!(Digest::of(&pixels).to_string()[..16], *"eccfc10d2209176c");
}

#[test]
fn a_damaged_cache_is_made_again() {
    let cached = Cached::new();
    let path = cached.place.write("a.npy", &bytes(&SHAPE, &pixels()));
    let expected = seen(&path, &cached.options);
    let whole = fs::read(cached.cache()).unwrap();
    // The digest of a stored image, that of a fitted image, and an end that is missing.
    for at in [HEAD + 5, HEAD + DIGESTS + 5, whole.len()] {
        let mut damaged = whole.clone();
        damaged.truncate(whole.len() - at / whole.len());
        if let Some(byte) = damaged.get_mut(at) {
            *byte ^= 1;
        }
        fs::write(cached.cache(), damaged).unwrap();
        cached.converted();
        let notes = load(&path, Split::Train, &cached.options).unwrap().notes().join("\n");
        assert!(notes.contains("was damaged; its images are decoded again"), "{notes}");
        assert_eq!(cached.converted(), IMAGES);
        assert_eq!(seen(&path, &cached.options), expected);
        assert!(fs::read(cached.cache()).unwrap() == whole);
    }
}

/// Changes all pixels of a cache in place, which the open file sees.
fn damage(cache: &Path) {
    let mut content = fs::read(cache).unwrap();
    let start = content.len() - IMAGES * 48;
    content[start..].iter_mut().for_each(|byte| *byte ^= 1);
    fs::write(cache, content).unwrap();
}

/// The digest of an image is checked when it is read first, and only then: the SHA-256 would cost
/// more than the read.
#[test]
fn pixels_are_verified_once() {
    let cached = Cached::new();
    let path = cached.place.write("a.npy", &bytes(&SHAPE, &pixels()));
    let train = load(&path, Split::Train, &cached.options).unwrap();
    let (mut before, mut after) = (vec![0; 48], vec![0; 48]);
    train.image(0, &mut before).unwrap();
    damage(&cached.cache());
    train.image(0, &mut after).unwrap();
    assert!(before.iter().zip(&after).all(|(before, after)| before ^ 1 == *after));
}

/// In every order of the elements, from the first array or the second.
#[test]
fn damaged_pixels_are_converted_again() {
    let planar = Header { fortran_order: true, ..header(Dtype::F32, &SHAPE) };
    let planar = array(&planar, |index| f32::from(pixels()[index]).to_le_bytes().to_vec());
    let both = zipped::stored(&[
        ("x_train.npy", &bytes(&SHAPE, &pixels())),
        ("x_test.npy", &bytes(&[3, 4, 4, 3], &pixels()[48..4 * 48])),
    ]);
    for (name, content) in [("a.npy", bytes(&SHAPE, &pixels())), ("a.npy", planar), ("a.npz", both)] {
        let cached = Cached::new();
        let path = cached.place.write(name, &content);
        let source = Arrays::open(&path, &cached.options).unwrap();
        let splits = [Split::Train, Split::Test].map(|split| source.load(split, None).unwrap());
        let expected = splits.each_ref().map(|split| images(&**split, 3));
        drop((splits, source));
        let source = Arrays::open(&path, &cached.options).unwrap();
        let splits = [Split::Train, Split::Test].map(|split| source.load(split, None).unwrap());
        let cache = cached.cache();
        damage(&cache);
        // Twice, because a damaged image must not count as verified.
        for _ in 0..2 {
            assert_eq!(splits.each_ref().map(|split| images(&**split, 3)), expected, "{name}");
        }
        assert!(!cache.exists());
        // Another array under this name cannot replace the images.
        touch(&path, SystemTime::now() + Duration::from_secs(1));
        let text = splits[0].image(0, &mut [0; 48]).unwrap_err().to_string();
        assert!(text.contains("it changed while it was read"), "{text}");
    }
}

/// Neither the file nor the memory of a loaded dataset needs the array.
#[test]
fn an_array_can_be_removed_after_it_was_loaded() {
    let cached = Cached::new();
    for options in [options(), cached.options.clone()] {
        let path = cached.place.write("a.npy", &bytes(&SHAPE, &pixels()));
        let train = load(&path, Split::Train, &options).unwrap();
        let order = order(&*train, Split::Train);
        fs::remove_file(&path).unwrap();
        let expected: Vec<u8> =
            order.iter().flat_map(|&index| pixels()[index as usize * 48..][..48].to_vec()).collect();
        assert_eq!(images(&*train, 3), expected);
    }
}

/// The file has the same size and the same header, and other pixels.
#[test]
fn a_file_that_is_written_after_opening_is_rejected() {
    let (place, options) = (Place::new(), options());
    let path = place.write("a.npy", &bytes(&SHAPE, &pixels()));
    let source = Arrays::open(&path, &options).unwrap();
    place.write("a.npy", &bytes(&SHAPE, &[0; IMAGES * 48]));
    touch(&path, SystemTime::now() + Duration::from_secs(1));
    let text = source.load(Split::Train, None).unwrap_err().to_string();
    assert!(text.contains("a.npy: it changed while it was read; start again"), "{text}");
}

#[test]
fn labels_are_read_when_they_are_needed_and_once() {
    let (place, options) = (Place::new(), options());
    let path = place.write("a.npy", &bytes(&SHAPE, &pixels()));
    let beside = place.write("a.labels.npy", b"no array");
    let source = Arrays::open(&path, &options).unwrap();
    assert_eq!(source.channels(), 3);
    assert!(source.classes().is_err());
    place.write("a.labels.npy", &labels(&[1; IMAGES]));
    let source = Arrays::open(&path, &options).unwrap();
    assert_eq!(source.classes().unwrap().len(), 2);
    fs::remove_file(beside).unwrap();
    assert_eq!(source.load(Split::Train, None).unwrap().labels()[0], 1);
}
