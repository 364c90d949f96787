//! Tests of the option `limit`, which keeps some images of any dataset.

use std::collections::BTreeSet;

use adjoint_data::{Dataset, Options, PixelRange, Split};

use crate::support::{ITEMS, Place, Tiny, gzip};

fn glyphs(split: Split, limit: Option<usize>, seed: u64) -> Dataset {
    let options = Options { image_size: 16, limit, seed, ..Options::default() };
    Dataset::load("glyphs", split, &options, None).unwrap()
}

/// Returns a data directory with the files of a small dataset.
fn tiny() -> Place {
    let tiny = Tiny::new();
    let place = Place::new(&tiny);
    place.write("images.gz", &gzip(&tiny.images));
    place.write("labels.gz", &gzip(&tiny.labels));
    place
}

/// Returns the bytes of an image.
fn image(set: &Dataset, index: usize) -> Vec<u8> {
    let mut image = vec![0; set.image_len()];
    set.image(index, &mut image).unwrap();
    image
}

/// Returns the indices in `whole` of the images of `part`.
fn places(part: &Dataset, whole: &Dataset) -> Vec<usize> {
    let all: Vec<Vec<u8>> = (0..whole.len()).map(|index| image(whole, index)).collect();
    (0..part.len())
        .map(|index| {
            let own = image(part, index);
            let mut places = (0..all.len()).filter(|&place| all[place] == own);
            let place = places.next().expect("it is an image of the set");
            assert_eq!(places.next(), None, "no two images are equal");
            place
        })
        .collect()
}

/// An image of a limited set has the label, factors and pixels of an image of the whole set.
#[test]
fn a_limited_set_has_images_of_the_whole_set() {
    let (whole, part) = (glyphs(Split::Test, None, 0), glyphs(Split::Test, Some(600), 0));
    assert_eq!((whole.len(), part.len(), part.classes()), (10_000, 600, whole.classes()));
    part.draw_all();
    let places = places(&part, &whole);
    assert!(!places.is_sorted());
    assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), 600);
    for (index, &place) in places.iter().enumerate() {
        assert_eq!(part.labels()[index], whole.labels()[place]);
        assert_eq!(part.factors(index), whole.factors(place));
    }
    let [of_part, of_whole] = [(&part, vec![7, 599]), (&whole, vec![places[7], places[599]])]
        .map(|(set, indices)| set.images(&indices, PixelRange::Unit).unwrap());
    assert_eq!(of_part.data(), of_whole.data());
    // All images of the part were drawn in advance, and no others.
    assert!(format!("{part:?}").contains("kept: 600 }"));
}

#[test]
fn limits_nest_and_depend_on_split_and_seed() {
    let first = |set: &Dataset| (0..10).map(|index| image(set, index)).collect::<Vec<_>>();
    let ten = first(&glyphs(Split::Test, Some(10), 0));
    assert_eq!(first(&glyphs(Split::Test, Some(100), 0)), ten);
    assert_eq!(first(&glyphs(Split::Test, Some(9_999), 0)), ten);

    // Both splits have the same seven images.
    let place = tiny();
    let order = |split, seed| {
        let part = Dataset::load("tiny", split, &place.options, None).unwrap().limited(6, seed);
        (0..6).map(|index| image(&part, index)[0]).collect::<Vec<_>>()
    };
    assert_eq!(order(Split::Test, 0), order(Split::Test, 0));
    assert_ne!(order(Split::Test, 0), order(Split::Test, 1));
    assert_ne!(order(Split::Test, 0), order(Split::Train, 0));
}

/// A limit that is not below the number of images changes nothing, so files that are named after
/// the digest stay valid.
#[test]
fn a_large_limit_keeps_all_images_in_their_order() {
    let whole = glyphs(Split::Test, None, 0).digest().unwrap();
    for limit in [10_000, 10_001, usize::MAX] {
        assert_eq!(glyphs(Split::Test, Some(limit), 0).digest().unwrap(), whole);
    }
    assert_ne!(glyphs(Split::Test, Some(9_999), 0).digest().unwrap(), whole);
}

#[test]
fn stored_sets_are_limited_too() {
    let mut place = tiny();
    let whole = place.load().unwrap();
    place.options.limit = Some(3);
    let part = place.load().unwrap();
    assert_eq!((whole.len(), part.len()), (ITEMS, 3));
    for index in 0..3 {
        // Image i is filled with 10 i, and its class is i modulo 3.
        let number = usize::from(image(&part, index)[0]) / 10;
        assert_eq!(usize::from(part.labels()[index]), number % 3);
    }
    place.options.limit = Some(0);
    assert!(place.load().unwrap().is_empty());
}
