//! Tests with the real MNIST. They are skipped if the files of MNIST are missing.

use std::path::{Path, PathBuf};

use adjoint_data::{Dataset, Options, PixelRange, Split};

/// The first directory in or next to the workspace that contains MNIST.
fn data_dir() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let places = [workspace.join("datasets"), workspace.join("../shared/data")];
    let found = places.into_iter().find(|place| place.join("mnist").is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: there is no MNIST in datasets/mnist");
    }
    found
}

#[test]
fn mnist_is_what_everybody_knows() {
    let Some(data_dir) = data_dir() else { return };
    let options = Options { data_dir, ..Options::default() };
    for (split, len, first_labels, mean) in
        [(Split::Train, 60_000, [5, 0, 4, 1, 9], 0.1307), (Split::Test, 10_000, [7, 2, 1, 0, 4], 0.1325)]
    {
        let data = Dataset::load("mnist", split, &options, None).unwrap();
        assert_eq!((data.len(), data.image_size(), data.channels()), (len, 28, 1));
        assert_eq!(data.labels()[..5], first_labels);
        assert_eq!(data.fingerprint(), None, "the program has its checksums");
        let mut image = vec![0; data.image_len()];
        let mut sum = 0;
        for index in 0..len {
            data.image(index, &mut image).unwrap();
            sum += image.iter().map(|&byte| u64::from(byte)).sum::<u64>();
        }
        let found = sum as f64 / (len * 784) as f64 / 255.0;
        assert!((found - mean).abs() < 1e-4, "the mean pixel of {split} is {found}");
    }
}

#[test]
fn mnist_comes_in_other_sizes() {
    let Some(data_dir) = data_dir() else { return };
    let load = |image_size| {
        let options = Options { data_dir: data_dir.clone(), image_size, ..Options::default() };
        Dataset::load("mnist", Split::Test, &options, None)
            .unwrap()
            .images(&[0, 1, 2, 3], PixelRange::Unit)
            .unwrap()
    };
    let ink =
        |image_size: usize| load(image_size).data().iter().sum::<f32>() / (image_size * image_size) as f32;
    assert_eq!(load(32).data().iter().sum::<f32>(), load(28).data().iter().sum::<f32>());
    assert!((ink(64) / ink(28) - 1.0).abs() < 0.02);
    assert!((ink(20) / ink(28) - 1.0).abs() < 0.02);
}
