//! The task of a judge of images, and its accuracy.

use super::StoredJudge;
use adjoint_data::{Dataset, PixelRange};
use adjoint_metrics::classifier::{accuracy, classes};
use adjoint_metrics::rotation::{ROTATIONS, rotated};
use adjoint_runs::BoxError;
use serde_json::{Value, json};
use std::ops::RangeInclusive;

/// Numbers of classes that a judge learns. If a set has more or fewer, the judge learns rotations.
const CLASSES: RangeInclusive<usize> = 2..=1000;

/// What a judge of images predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImageTask {
    /// The class of an image.
    Classes,
    /// By how many quarter turns an image was rotated.
    Rotations,
}

impl ImageTask {
    /// Returns the task for the images of a set.
    pub(super) fn of(set: &Dataset) -> Self {
        if CLASSES.contains(&set.classes().len()) { ImageTask::Classes } else { ImageTask::Rotations }
    }
}

/// How well a judge knows its task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Skill {
    pub(crate) task: ImageTask,
    /// Accuracy on the test split. If the judge predicts rotations, these are all four rotations of
    /// each image.
    accuracy: f64,
    /// Accuracy below which the scores are unreliable.
    required: f64,
}

impl Skill {
    /// A judge with this accuracy, whose scores are unreliable below the accuracy `required`.
    pub(crate) fn new(task: ImageTask, accuracy: f64, required: f64) -> Self {
        Skill { task, accuracy, required }
    }

    /// Measures a judge on the test split of its dataset.
    ///
    /// # Errors
    /// If images cannot be read, or the features of the judge are not finite.
    pub(super) fn measured(
        task: ImageTask,
        judge: &mut StoredJudge,
        test: &Dataset,
    ) -> Result<Self, BoxError> {
        let (accuracy, chance) = match task {
            ImageTask::Classes => {
                let found = classes(&judge.read_set(test, test.len())?.verdicts);
                let known: Vec<usize> = test.labels().iter().map(|&label| usize::from(label)).collect();
                (accuracy(&found, &known).value, share_of_largest(&known, test.classes().len()))
            }
            ImageTask::Rotations => {
                let mut right = 0;
                for turns in 0..ROTATIONS {
                    let reading = judge.read(test.len(), test.image_len(), |range| {
                        let images = test.images(&range.collect::<Vec<_>>(), PixelRange::Unit)?;
                        Ok(rotated(&images, turns))
                    })?;
                    right += classes(&reading.verdicts).iter().filter(|&&found| found == turns).count();
                }
                (right as f64 / (ROTATIONS * test.len()) as f64, 1.0 / ROTATIONS as f64)
            }
        };
        // If the dataset requires no accuracy, the judge must be right in half the cases in which
        // the best constant prediction is wrong.
        let required = test.judge_accuracy().unwrap_or(0.5 * (1.0 + chance));
        Ok(Skill::new(task, accuracy, required))
    }

    /// Returns true if the scores that need the judge are reliable.
    fn is_reliable(&self) -> bool {
        self.accuracy >= self.required
    }

    /// Returns a note on the accuracy.
    pub(crate) fn note(&self) -> String {
        let percent = 100.0 * self.accuracy;
        match self.task {
            ImageTask::Classes => format!("The accuracy of the judge on the test set is {percent:.2} %."),
            ImageTask::Rotations => format!(
                "The judge predicts rotations. Its accuracy on the rotated test images is {percent:.2} %."
            ),
        }
    }

    /// Returns why the scores that need the judge are unreliable, or `None` if they are reliable.
    pub(crate) fn problem(&self) -> Option<String> {
        let [accuracy, required] = [self.accuracy, self.required].map(|share| 100.0 * share);
        let problem = || format!("its accuracy of {accuracy:.2} % is below the required {required:.2} %");
        (!self.is_reliable()).then(problem)
    }

    pub(crate) fn json(&self) -> Value {
        let task = match self.task {
            ImageTask::Classes => "classes",
            ImageTask::Rotations => "rotations",
        };
        json!({
            "task": task,
            "accuracy": self.accuracy,
            "required_accuracy": self.required,
            "reliable": self.is_reliable(),
        })
    }
}

/// Returns the share of the most frequent of `count` classes.
fn share_of_largest(labels: &[usize], count: usize) -> f64 {
    let mut counts = vec![0usize; count];
    labels.iter().for_each(|&label| counts[label] += 1);
    counts.iter().max().map_or(0.0, |&most| most as f64 / labels.len().max(1) as f64)
}
