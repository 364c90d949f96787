//! Tests that images are mirrored at random, as a function of the seed, the image and the epoch.

use std::collections::BTreeMap;

use adjoint_data::{Batches, Dataset, Options, PixelRange, Prefetch, Split};

/// Batches of coloured glyphs of 16 x 16 pixels.
fn batches(batch_size: usize, seed: u64) -> Batches {
    let options = Options { image_size: 16, limit: Some(1_000), ..Options::default() };
    let data = Dataset::load("glyphs-rgb", Split::Test, &options, None).unwrap();
    Batches::new(data, batch_size, seed, PixelRange::Symmetric).unwrap()
}

/// Returns the image with left and right exchanged.
fn mirrored(image: &[f32]) -> Vec<f32> {
    let at = |row: usize, column: usize| &image[(row * 16 + column) * 3..][..3];
    (0..16 * 16).flat_map(|i| at(i / 16, 15 - i % 16)).copied().collect()
}

/// Returns each image of an epoch by its index.
fn epoch(batches: &mut Batches, epoch: u64) -> BTreeMap<usize, Vec<f32>> {
    let steps = batches.steps_per_epoch();
    let mut images = BTreeMap::new();
    for step in epoch * steps..(epoch + 1) * steps {
        let batch = batches.batch(step).unwrap();
        let rows = batch.images.data().chunks_exact(16 * 16 * 3).map(<[f32]>::to_vec);
        images.extend(batch.indices.iter().copied().zip(rows));
    }
    images
}

/// Returns the images of an epoch that are mirrored. Every other image must be unchanged.
fn flipped(batch_size: usize, seed: u64, number: u64) -> Vec<usize> {
    let plain = epoch(&mut batches(batch_size, seed), number);
    let flipped = epoch(&mut batches(batch_size, seed).with_flips(true), number);
    assert_eq!((plain.len(), flipped.len()), (1_000, 1_000));
    let is_flipped = |index: &usize| {
        let (plain, flipped) = (&plain[index], &flipped[index]);
        let mirror = mirrored(plain);
        assert_ne!(*plain, mirror, "a test of images that are their own mirror shows nothing");
        assert!(flipped == plain || *flipped == mirror, "image {index}");
        *flipped == mirror
    };
    plain.keys().copied().filter(is_flipped).collect()
}

/// The flips are a function of the seed, the image and the epoch. Batches of another size have
/// other images together, but the same images are mirrored.
#[test]
fn about_half_of_the_images_are_mirrored() {
    let first = flipped(50, 1, 0);
    // The standard deviation of the number is 16.
    assert!((420..580).contains(&first.len()), "{} of 1000", first.len());
    assert_eq!(flipped(200, 1, 0), first);
    let shared = |other: Vec<usize>| other.iter().filter(|index| first.contains(index)).count();
    for other in [flipped(50, 1, 1), flipped(50, 2, 0)] {
        assert!((170..330).contains(&shared(other)), "independent of the first flips");
    }
}

/// A resumed run starts in the middle of an epoch, and prefetches.
#[test]
fn a_resumed_run_sees_the_same_flips() {
    let mut through = batches(50, 1).with_flips(true);
    let mut ahead = Prefetch::new(batches(50, 1).with_flips(true));
    for step in [0, 1, 33, 34, 20] {
        let want = through.batch(step).unwrap();
        assert!(ahead.batch(step).unwrap().images.data() == want.images.data(), "step {step}");
        let alone = batches(50, 1).with_flips(true).batch(step).unwrap();
        assert!(alone.images.data() == want.images.data(), "step {step}");
    }
}

/// Batches without flips have the images of the set, as they had before flips existed.
#[test]
fn no_image_is_mirrored_by_default() {
    let options = Options { image_size: 16, limit: Some(1_000), ..Options::default() };
    let data = Dataset::load("glyphs-rgb", Split::Test, &options, None).unwrap();
    let batch = batches(500, 1).batch(3).unwrap();
    let images = data.images(&batch.indices, PixelRange::Symmetric).unwrap();
    assert!(batch.images.data() == images.data());
    let off = batches(500, 1).with_flips(true).with_flips(false).batch(3).unwrap();
    assert!(off.images.data() == images.data());
}
