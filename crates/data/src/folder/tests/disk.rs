//! Tests that several processes can share a cache, and that a full disk damages nothing.

use std::fs;
use std::io::ErrorKind;
use std::thread;

use adjoint_files::faults::{self, Call};

use super::files::gray_png;
use super::place::{Place, pixels};
use super::{assert_message, names, write};
use crate::cache::Plan;
use crate::folder::Folder;
use crate::folder::key::content;
use crate::folder::scan::scan;
use crate::settings::Settings;
use crate::source::Source;
use crate::{FitMode, Options, Split};

#[test]
fn several_writers_share_a_cache() {
    let place = Place::new();
    let (folder, caches) = (place.folder(), place.caches());
    thread::scope(|scope| {
        for writer in 0..8 {
            let (folder, caches) = (&folder, &caches);
            // Two of the writers use other settings.
            scope.spawn(move || {
                let image_size = if writer % 4 == 3 { 24 } else { 16 };
                let options = Options { image_size, cache_dir: Some(caches.clone()), ..Options::default() };
                for _ in 0..5 {
                    let images = Folder::new(folder, &options).load(Split::Train, None).unwrap();
                    assert!(
                        pixels(&*images, 3).iter().all(|image| image.len() == image_size * image_size * 3)
                    );
                }
            });
        }
    });
    assert_eq!(names(&place.caches()).len(), 1, "no leftovers");
    assert_eq!(place.levels(), [0, 10, 20, 30, 40, 50]);
}

#[test]
fn a_full_disk_keeps_the_old_cache() {
    let place = Place::new();
    place.load(Split::Train).unwrap();
    let old = fs::read(place.cache()).unwrap();
    write(&place.folder(), &[("a/new.png", &gray_png(20, 20, 7))]);
    // The disk is full at the first image, at a later one, at the index, and when files are synced
    // or renamed.
    let full = [
        (Call::Create, 0),
        (Call::Write, 0),
        (Call::Write, 3),
        (Call::Write, 7),
        (Call::Sync, 0),
        (Call::Rename, 0),
    ];
    for (refused, after) in full {
        let mut calls = 0;
        faults::inject(move |call, _| {
            calls += usize::from(call == refused);
            if calls > after && call == refused { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
        });
        let failed = place.load(Split::Train);
        faults::inject(|_, _| Ok(()));
        let words = [
            "cannot write the decoded images of",
            "caches/set-",
            "no storage space",
            "--cache-dir",
            "--no-cache",
        ];
        assert_message(failed, &words);
        assert!(fs::read(place.cache()).unwrap() == old, "{refused:?} {after}");
    }
    assert_eq!(place.levels(), [0, 7, 10, 20, 30, 40, 50]);
}

#[test]
fn free_space_is_checked_first() {
    let place = Place::new();
    let listing = scan(&place.folder()).unwrap();
    let settings = Settings { size: 512, channels: 3, background: [255; 3], fit: FitMode::Crop };
    let plan = Plan::new(&place.caches(), content(&listing, &settings));
    let needed = 88 + 6 * 32 + 6 * 512 * 512 * 3;
    plan.check_space(None).unwrap();
    plan.check_space(Some(needed)).unwrap();
    let words = ["need 5 MB, but", "caches has only 3 MB free", "--cache-dir", "--no-cache"];
    assert_message(plan.check_space(Some(needed - 1_000_000)), &words);
    // One byte is missing, and the numbers differ.
    assert_message(plan.check_space(Some(needed - 1)), &["need 5 MB, but", "only 4 MB free"]);
}

#[test]
fn a_cache_directory_that_cannot_be_made_is_an_error() {
    let mut place = Place::new();
    write(place.root.path(), &[("file", b"")]);
    place.options.cache_dir = Some(place.root.path().join("file/caches"));
    assert_message(
        place.load(Split::Train),
        &["cannot write the decoded images of", "file/caches", "--no-cache"],
    );
}
