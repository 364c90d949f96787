//! Tests that batches are slices of permutations and depend on the seed and the step alone.

use adjoint_data::glyphs::{Glyphs, Palette};
use adjoint_data::{Batch, Batches, DataError, Dataset, Options, PixelRange, Split, source};

use crate::support::message;

/// The 10,000 glyphs of the test split.
fn glyphs() -> Dataset {
    Dataset::load("glyphs", Split::Test, &Options { image_size: 16, ..Options::default() }, None).unwrap()
}

fn batches(batch_size: usize, seed: u64) -> Batches {
    Batches::new(glyphs(), batch_size, seed, PixelRange::Symmetric).unwrap()
}

/// The indices of a whole epoch.
fn epoch(batches: &mut Batches, epoch: u64) -> Vec<usize> {
    let steps = batches.steps_per_epoch();
    (epoch * steps..(epoch + 1) * steps).flat_map(|step| batches.batch(step).unwrap().indices).collect()
}

/// Image i is the same whether it is drawn in advance or when requested, by any number of threads.
#[test]
fn a_dataset_of_glyphs_shows_the_glyphs() {
    for (name, image_size, palette) in [("glyphs", 28, Palette::Gray), ("glyphs-rgb", 91, Palette::Rgb)] {
        let data =
            Dataset::load(name, Split::Test, &Options { image_size, ..Options::default() }, None).unwrap();
        let glyphs = Glyphs::new(0, Split::Test, image_size, palette);
        assert_eq!(data.channels(), source(name, &Options::default()).unwrap().channels());
        let (mut shown, mut drawn) = (vec![1; data.image_len()], vec![2; data.image_len()]);
        for index in [0, 1, 4_999, 5_000, 9_999] {
            data.image(index, &mut shown).unwrap();
            glyphs.render(index, &mut drawn);
            assert!(shown == drawn, "image {index} of {name}");
            assert_eq!(data.factors(index), Some(glyphs.factors(index)));
        }
    }
    let options = Options::default();
    assert_eq!(source("mnist", &options).unwrap().channels(), 1);
    assert!(source("imagenet", &options).is_err());
}

#[test]
fn an_epoch_sees_every_image_once() {
    let mut batches = batches(2500, 1);
    assert_eq!(batches.steps_per_epoch(), 4);
    let first = epoch(&mut batches, 0);
    let second = epoch(&mut batches, 1);
    assert_ne!(first, second);
    for mut order in [first, second] {
        assert!(!order.is_sorted());
        order.sort_unstable();
        assert_eq!(order, (0..10_000).collect::<Vec<_>>());
    }
    assert_eq!(batches.batch(3).unwrap().images.dims(), [2500, 16, 16, 1]);
    assert_eq!([3, 4, 7, 8].map(|step| batches.batch(step).unwrap().epoch), [0, 1, 1, 2]);
}

#[test]
fn the_rest_of_each_epoch_is_left_out() {
    let (mut parts, mut whole) = (batches(3000, 1), batches(10_000, 1));
    assert_eq!([parts.steps_per_epoch(), whole.steps_per_epoch()], [3, 1]);
    assert_eq!([2, 3].map(|step| parts.batch(step).unwrap().epoch), [0, 1]);
    for number in 0..2 {
        assert_eq!(epoch(&mut parts, number), epoch(&mut whole, number)[..9000]);
    }
}

#[test]
fn a_resumed_run_continues_exactly() {
    let content = |batch: Batch| (batch.images.data().to_vec(), batch.labels, batch.indices, batch.epoch);
    let mut through = batches(64, 5);
    let all: Vec<_> = [0, 1, 155, 156, 157, 400].map(|step| content(through.batch(step).unwrap())).into();
    for (step, expected) in [400, 157, 156, 155, 1, 0].into_iter().zip(all.into_iter().rev()) {
        assert_eq!(content(batches(64, 5).batch(step).unwrap()), expected, "step {step}");
        assert_eq!(content(through.batch(step).unwrap()), expected, "step {step} again");
    }
    assert_ne!(batches(64, 6).batch(0).unwrap().indices, through.batch(0).unwrap().indices);
}

#[test]
fn images_and_labels_belong_together() {
    let data = glyphs();
    let batch = batches(50, 2).batch(9).unwrap();
    assert_eq!(batch.images.dims(), [50, 16, 16, 1]);
    let mut image = vec![0; data.image_len()];
    for (row, (&index, &label)) in batch.indices.iter().zip(&batch.labels).enumerate() {
        assert_eq!(label, index % 10);
        data.image(index, &mut image).unwrap();
        let numbers = &batch.images.data()[row * image.len()..][..image.len()];
        assert!(numbers.iter().zip(&image).all(|(&number, &byte)| number == f32::from(byte) / 127.5 - 1.0));
    }
}

#[test]
fn pixel_ranges_end_exactly() {
    let data = glyphs();
    let ends = |range| {
        let images = data.images(&(0..50).collect::<Vec<_>>(), range).unwrap();
        images.data().iter().fold((f32::MAX, f32::MIN), |(low, high), &x| (low.min(x), high.max(x)))
    };
    assert_eq!(ends(PixelRange::Symmetric), (-1.0, 1.0));
    assert_eq!(ends(PixelRange::Unit), (0.0, 1.0));
}

#[test]
fn color_has_three_channels() {
    let options = Options { image_size: 32, ..Options::default() };
    let data = Dataset::load("glyphs-rgb", Split::Train, &options, None).unwrap();
    assert_eq!((data.len(), data.channels(), data.classes().len()), (60_000, 3, 10));
    assert_eq!(data.images(&[5, 6], PixelRange::Unit).unwrap().dims(), [2, 32, 32, 3]);
}

#[test]
fn impossible_batch_sizes_are_rejected() {
    for batch_size in [0, 10_001] {
        let refused = Batches::new(glyphs(), batch_size, 0, PixelRange::Unit);
        let error = message(refused, &["glyphs", &batch_size.to_string(), "1 to 10000"]);
        assert!(matches!(error, DataError::BatchSize { .. }));
    }
}
