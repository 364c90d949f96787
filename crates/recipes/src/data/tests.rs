//! Tests what a run records about its data.

use super::*;
use crate::vae::Settings;
use adjoint_runs::{Config, parse};

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
