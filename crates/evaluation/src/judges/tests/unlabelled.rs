//! Tests with sets of images without labels.

use super::*;
use crate::images::References;
use crate::table::Comparison;
use adjoint_data::{Downloader, Images, Source};
use adjoint_metrics::rotation::rotated;
use serde_json::Value;
use tempfile::TempDir;

const SIZE: usize = 16;

/// Images in memory.
#[derive(Clone, Debug)]
struct Held {
    classes: usize,
    pixels: [Vec<u8>; 2],
    labels: [Vec<u16>; 2],
    split: Split,
}

impl Held {
    /// The first glyphs of each split, each replaced by the mean of `views` of it: with 1, they are
    /// as they are, with 4, they are the mean of their rotations. The bytes of such a mean are
    /// exactly symmetric.
    fn glyphs(classes: usize, counts: [usize; 2], views: usize) -> Self {
        let options = Options { image_size: SIZE, ..Options::default() };
        let pixels = |split: Split, count: usize| -> Vec<u8> {
            let set = Dataset::load("glyphs", split, &options, None).expect("it is built in");
            let images = set.images(&(0..count).collect::<Vec<_>>(), PixelRange::Unit).expect("it is drawn");
            let mut mean = vec![0.0; images.len()];
            for turns in 0..views {
                let view = rotated(&images, turns);
                mean.iter_mut().zip(view.data()).for_each(|(mean, x)| *mean += (255.0 * x).round());
            }
            mean.iter().map(|x| (x / views as f32) as u8).collect()
        };
        let [train, test] = counts;
        Held {
            classes,
            pixels: [pixels(Split::Train, train), pixels(Split::Test, test)],
            labels: counts.map(|count| vec![0; count]),
            split: Split::Train,
        }
    }

    fn splits(&self) -> [Dataset; 2] {
        [Split::Train, Split::Test]
            .map(|split| Dataset::of_source("held", self, split, None).expect("it is in memory"))
    }
}

impl Source for Held {
    fn channels(&self) -> usize {
        1
    }

    fn classes(&self) -> Result<Vec<String>, DataError> {
        Ok((0..self.classes).map(|class| class.to_string()).collect())
    }

    fn load(&self, split: Split, _: Option<&mut Downloader<'_>>) -> Result<Box<dyn Images>, DataError> {
        Ok(Box::new(Held { split, ..self.clone() }))
    }
}

impl Images for Held {
    fn image_size(&self) -> usize {
        SIZE
    }

    fn labels(&self) -> &[u16] {
        &self.labels[usize::from(self.split == Split::Test)]
    }

    fn image(&self, index: usize, image: &mut [u8]) -> Result<(), DataError> {
        let pixels = &self.pixels[usize::from(self.split == Split::Test)];
        image.copy_from_slice(&pixels[index * SIZE * SIZE..][..SIZE * SIZE]);
        Ok(())
    }
}

/// Judges of a few steps in a directory that is removed at the end of the test.
fn judges(steps: u64) -> (TempDir, Judges) {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().to_owned();
    (place, Judges { directory, steps })
}

/// Measures a set, with its test images and noise as subjects. Returns the text of the tables and
/// the JSON.
fn compared(set: &Held, judges: &Judges) -> (String, Value) {
    let [train, test] = set.splits();
    let mut references = References::new(train, test, 100, 1, judges).unwrap();
    let subjects = vec![references.data(100).unwrap(), references.noise(1).unwrap()];
    let judge = Some(references.judge.skill);
    let comparison = Comparison { title: "held".into(), notes: vec![], judge, subjects };
    (comparison.markdown(), comparison.json())
}

/// A digit shows how it was rotated, except for 0, 1 and 8. The judge must be much better than
/// chance on it. An image that is the same after a quarter turn gives the judge one input with four
/// different labels, so it is right for exactly one of them.
#[test]
fn rotations_are_learned_from_oriented_images_alone() {
    for (views, right) in [(1, 0.7..1.0), (4, 0.25..0.251)] {
        let set = Held::glyphs(0, [2_000, 200], views);
        let (place, judges) = judges(200);
        let [train, test] = set.splits();
        let ImageJudge { skill, .. } = judges.of_images(&train, &test).unwrap();
        assert_eq!(skill.task, ImageTask::Rotations);
        let accuracy = skill.json()["accuracy"].as_f64().unwrap();
        assert!(right.contains(&accuracy), "{accuracy} with {views} views");
        // Without a required accuracy, it is half way from chance to 1.
        assert_eq!(skill.json()["required_accuracy"], 0.625);
        assert_eq!(skill.problem().is_none(), views == 1);

        // The judge is stored under the name of its task, and loaded again.
        let files: Vec<_> = std::fs::read_dir(place.path()).unwrap().collect();
        let [Ok(file)] = &files[..] else { panic!("{files:?}") };
        let name = file.file_name().into_string().unwrap();
        let version = format!("-{JUDGE_VERSION}.safetensors");
        assert!(name.starts_with("held-16-rotations-200-") && name.ends_with(&version), "{name}");
        let changed = file.metadata().unwrap().modified().unwrap();
        let again = judges.of_images(&train, &test).unwrap().skill.json();
        assert_eq!(again, skill.json());
        assert_eq!(file.metadata().unwrap().modified().unwrap(), changed, "trained again");
    }
}

/// Scores that need classes are left out, instead of being those of one class. All others are
/// there.
#[test]
fn sets_without_classes_have_the_other_scores() {
    for classes in [0, 1] {
        let set = Held::glyphs(classes, [400, 120], 1);
        let (_place, judges) = judges(3);
        let (text, json) = compared(&set, &judges);
        assert_eq!(json["judge"]["task"], "rotations");
        for subject in json["subjects"].as_array().unwrap() {
            let figures = subject["figures"].as_object().unwrap();
            for key in
                ["classifier_score", "confident", "class_variation", "condition_accuracy", "one_nn_error"]
            {
                assert!(!figures.contains_key(key), "{key} with {classes} classes");
            }
            for key in ["frechet", "kernel", "precision", "coverage", "distance_ratio", "sliced", "sliced_1"]
            {
                let value = figures[key]["value"].as_f64();
                assert!(value.is_some_and(f64::is_finite), "{key} with {classes} classes");
            }
        }
        // A judge of three steps knows nothing.
        assert_eq!(json["judge"]["reliable"], false);
        assert!(!text.contains("by the judge"), "{text}");
        assert_eq!(text.matches("Unreliable: ").count(), 1, "{text}");
        let sliced =
            |subject: usize| json["subjects"][subject]["figures"]["sliced"]["value"].as_f64().unwrap();
        assert!(sliced(0) < 0.3 * sliced(1), "{json}");
    }
}

/// Two classes are enough for the classifier. Its accuracy must exceed that of the largest class.
#[test]
fn two_classes_are_judged_by_their_classifier() {
    let mut set = Held::glyphs(2, [400, 120], 1);
    for (labels, ones) in set.labels.iter_mut().zip([100, 30]) {
        labels[..ones].fill(1);
    }
    let (_place, judges) = judges(3);
    let (text, json) = compared(&set, &judges);
    assert_eq!(json["judge"]["task"], "classes");
    assert_eq!(json["judge"]["required_accuracy"], 0.5 * (1.0 + 0.75));
    assert!(text.contains("by the judge") && text.contains("1-NN error"), "{text}");
    let [many, most] = [1_000, 1_001].map(|classes| {
        let [train, _] = Held { classes, ..set.clone() }.splits();
        ImageTask::of(&train)
    });
    assert_eq!([many, most], [ImageTask::Classes, ImageTask::Rotations]);
}

/// A set that is smaller than a batch is judged as well, but one with too few test images is not.
#[test]
fn small_sets_are_measured_or_rejected() {
    let (_place, judges) = judges(2);
    let (_, json) = compared(&Held::glyphs(0, [14, 7], 1), &judges);
    assert!(json["subjects"][0]["figures"]["frechet"]["value"].is_f64(), "{json}");
    for counts in [[14, 5], [11, 7]] {
        let [train, test] = Held::glyphs(0, counts, 1).splits();
        let error = References::new(train, test, 100, 1, &judges).err().expect("rejected").to_string();
        let [trained, tested] = counts;
        let want = format!("held has {trained} training and {tested} test images");
        assert!(error.starts_with(&want), "{error}");
    }
}
