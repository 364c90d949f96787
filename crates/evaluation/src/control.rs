//! Measures how well latent vectors control the class and the known factors of glyphs, such as
//! their slant. Vector arithmetic should give samples of the expected class and factor. A step
//! along the direction of a factor should change this factor and keep the class. Each fraction of
//! successes is reported with the fraction that chance gives.

use crate::judges::{FACTORS, Judges, Regressor, StoredJudge};
use crate::measured::{Measured, in_parts};
use crate::table::Subject;
use adjoint_data::Dataset;
use adjoint_data::glyphs::Factors;
use adjoint_metrics::Estimate;
use adjoint_metrics::classifier::classes;
use adjoint_nn::{Stream, Tensor};
use adjoint_recipes::Model;
use adjoint_recipes::game::Condition;
use adjoint_runs::{BoxError, note};
use std::ops::Range;

/// Maximum number of samples of a model. Sums and directions are computed from these samples. The
/// number of sums is the number of samples divided by `SHARE`. So is the number of walks along one
/// direction.
const MOST_SAMPLES: usize = 4_000;
const SHARE: usize = 8;
/// Number of samples whose latent vectors are averaged for one term of a sum.
const EXAMPLES: usize = 3;
/// A walk starts at the latent vector of a sample. It goes by `REACH` standard deviations of z
/// along a direction, and by as much in the opposite direction. It succeeds if both ends have the
/// class of the sample, and if the factor at one end exceeds the factor at the other end by more
/// than `CHANGE` of its standard deviations.
const REACH: f64 = 2.0;
const CHANGE: f64 = 1.0;

/// Measures how latent vectors control the factors of glyphs.
pub(crate) struct Control {
    regressor: Regressor,
    /// Fraction of each factor's variance over test images that the regressor explains.
    pub(crate) explained: Vec<f64>,
    samples: usize,
    image_len: usize,
    /// Number of classes of the dataset. A model may generate fewer.
    classes: usize,
}

impl Control {
    /// Trains or loads the regressor of a dataset. Returns None if the dataset does not know the
    /// factors of its images.
    ///
    /// # Errors
    /// If images cannot be read, the regressor can't be stored, or its features are not finite.
    pub(crate) fn new(
        train: &Dataset,
        test: &Dataset,
        samples: usize,
        judges: &Judges,
    ) -> Result<Option<Self>, BoxError> {
        let factors = |set: &Dataset, count: usize| -> Option<Vec<Factors>> {
            (0..count).map(|i| set.factors(i)).collect()
        };
        let Some((of_train, of_test)) = factors(train, train.len()).zip(factors(test, test.len().min(2_000)))
        else {
            return Ok(None);
        };
        let mut regressor = judges.regressor(train, &of_train)?;
        let explained = regressor.explained(test, &of_test)?;
        let (samples, classes) = (samples.min(MOST_SAMPLES), train.classes().len());
        Ok(Some(Control { regressor, explained, samples, image_len: train.image_len(), classes }))
    }

    /// Decodes latent vectors `z` and measures the class and the factors of each sample. Only a
    /// part of the samples is in memory at once.
    ///
    /// # Errors
    /// If samples or the features of a judge are not finite.
    fn measure(
        &mut self,
        judge: &mut StoredJudge,
        model: &mut Model,
        (z, conditions): (&Tensor<f32>, Option<&Tensor<f32>>),
    ) -> Result<Measured, BoxError> {
        let Control { regressor, image_len, .. } = self;
        let make = |range: Range<usize>| {
            let rows = |x: &Tensor<f32>| x.narrow(0, range.start, range.len());
            let x = model.decode(&rows(z), conditions.map(rows).as_ref())?;
            Ok(model.unit(&x))
        };
        in_parts(z.dims()[0], *image_len, make, |x| {
            let read = |judge: &mut StoredJudge| {
                judge.read(x.dims()[0], *image_len, |range| Ok(x.narrow(0, range.start, range.len())))
            };
            Ok((classes(&read(judge)?.verdicts), read(&mut regressor.judge)?.verdicts))
        })
    }

    /// Adds to `subject` the scores of how well latent vectors control a model. A model with an
    /// image condition gets no such scores.
    ///
    /// # Errors
    /// If conditions can't be loaded, or samples are not finite.
    pub(crate) fn score(
        &mut self,
        subject: &mut Subject,
        model: &mut Model,
        judge: &mut StoredJudge,
    ) -> Result<(), BoxError> {
        if model.condition.is_some_and(Condition::is_image) {
            return Ok(());
        }
        note(format_args!("{}: vector arithmetic and directions", subject.name));
        let z = model.draw("control", self.samples)?;
        let conditions = model.conditions(0..self.samples)?;
        let (seed, classes, trials) = (model.seed, self.classes, self.samples / SHARE);
        let mut measure =
            |z: &Tensor<f32>, conditions: Option<&Tensor<f32>>| self.measure(judge, model, (z, conditions));
        let found = measure(&z, conditions.as_ref())?;
        if conditions.is_none() {
            // A sum may need any class of the dataset, even if the model does not generate it.
            let mut stream = Stream::new(seed, "control/arithmetic", 0);
            let measure = |sums: &Tensor<f32>| measure(sums, None);
            let (arrived, chance) = arithmetic((&z, &found), (classes, trials), &mut stream, measure)?;
            subject.note("arithmetic", arrived);
            subject.note("arithmetic_chance", chance);
        }
        let conditions = conditions.map(|conditions| conditions.narrow(0, 0, trials));
        directions(subject, (&z, &found), (seed, trials), |moved| measure(moved, conditions.as_ref()))
    }
}

/// Adds to `subject` the fraction of walks that succeed, along the direction of each factor and
/// along random directions. The direction of a factor is the covariance of the factor with each
/// latent variable, over the samples. `measure` decodes latent vectors, one end of every walk at a
/// time, and returns their classes and factors.
fn directions(
    subject: &mut Subject,
    (z, found): (&Tensor<f32>, &Measured),
    (seed, trials): (u64, usize),
    mut measure: impl FnMut(&Tensor<f32>) -> Result<Measured, BoxError>,
) -> Result<(), BoxError> {
    let [samples, latent] = z.shape().matrix();
    let mut chance = vec![];
    for (factor, (key, _)) in FACTORS.iter().enumerate() {
        let mean = (0..samples).map(|i| found.factor(i, factor)).sum::<f64>() / samples as f64;
        let covariance = |j: usize| -> f64 {
            let term = |i: usize| f64::from(z.data()[i * latent + j]) * (found.factor(i, factor) - mean);
            (0..samples).map(term).sum()
        };
        let along: Vec<f64> = (0..latent).map(covariance).collect();
        let mut stream = Stream::new(seed, "control/direction", factor as u64);
        let random: Vec<f64> = (0..trials * latent).map(|_| stream.normal()).collect();
        subject.note(key, share(&walks((z, found), trials, (&along, factor), &mut measure)?));
        chance.extend(walks((z, found), trials, (&random, factor), &mut measure)?);
    }
    subject.note("direction_chance", share(&chance).value);
    Ok(())
}

/// Returns for each walk whether it changes the factor and keeps the class. There are `trials`
/// walks; they start at the first `trials` samples. `direction` is one direction for all walks, or
/// one per walk.
fn walks(
    (z, found): (&Tensor<f32>, &Measured),
    trials: usize,
    (direction, factor): (&[f64], usize),
    mut measure: impl FnMut(&Tensor<f32>) -> Result<Measured, BoxError>,
) -> Result<Vec<bool>, BoxError> {
    let [_, latent] = z.shape().matrix();
    let length = |row: &[f64]| row.iter().map(|d| d * d).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    let lengths: Vec<f64> = direction.chunks_exact(latent).map(length).collect();
    let spread = (z.sum_of_squares() / z.len() as f64).sqrt();
    let mut end = |sign: f64| {
        measure(&Tensor::build([trials, latent], |out| {
            for (i, (out, z)) in out.iter_mut().zip(z.data()).enumerate() {
                let (step, length) = (direction[i % direction.len()], lengths[i / latent % lengths.len()]);
                *out = z + (sign * REACH * spread * step / length) as f32;
            }
        }))
    };
    let (low, high) = (end(-1.0)?, end(1.0)?);
    let success = |i: usize| {
        let class = found.classes[i];
        low.classes[i] == class
            && high.classes[i] == class
            && high.factor(i, factor) - low.factor(i, factor) > CHANGE
    };
    Ok((0..trials).map(success).collect())
}

/// Tests sums of latent vectors. For example, thick samples of class c, minus thin samples of class
/// c, plus thin samples of class d, should give a thick sample of class d. Each sum draws a factor
/// and two of the `classes` classes at random. A term is the mean of a few rows of `z`: latent
/// vectors whose classes and factors are `found`. `measure` decodes the sums and returns their
/// classes and factors.
///
/// Returns the fraction of `trials` sums that succeed, and the fraction expected by chance. A sum
/// also fails if too few samples fit one of its terms. Chance is the fraction of all samples that
/// have the expected class and factor, averaged over the sums.
fn arithmetic(
    (z, found): (&Tensor<f32>, &Measured),
    (classes, trials): (usize, usize),
    stream: &mut Stream,
    measure: impl FnOnce(&Tensor<f32>) -> Result<Measured, BoxError>,
) -> Result<(Estimate, f64), BoxError> {
    let [samples, latent] = z.shape().matrix();
    let (mut sums, mut expected, mut chance): (Vec<f32>, Vec<(usize, usize)>, f64) = (vec![], vec![], 0.0);
    for _ in 0..trials {
        let factor = stream.below(FACTORS.len());
        let from = stream.below(classes);
        let to = (from + 1 + stream.below((classes - 1).max(1))) % classes;
        let mut mean = |class: usize, high: bool| -> Option<Vec<f32>> {
            let mut examples: Vec<usize> =
                (0..samples).filter(|&i| found.is(i, class, factor, high)).collect();
            stream.shuffle(&mut examples);
            let examples = examples.get(..EXAMPLES)?;
            let number = |j| examples.iter().map(|i| z.data()[i * latent + j]).sum::<f32>() / EXAMPLES as f32;
            Some((0..latent).map(number).collect())
        };
        let (a, b, c) = (mean(from, true), mean(from, false), mean(to, false));
        if let (Some(a), Some(b), Some(c)) = (a, b, c) {
            sums.extend((0..latent).map(|j| a[j] - b[j] + c[j]));
            expected.push((to, factor));
        }
        let matching = (0..samples).filter(|&i| found.is(i, to, factor, true)).count();
        chance += matching as f64 / samples as f64;
    }
    let arrived = if expected.is_empty() {
        0
    } else {
        let made = measure(&Tensor::from_slice([expected.len(), latent], &sums))?;
        expected.iter().enumerate().filter(|&(i, &(class, factor))| made.is(i, class, factor, true)).count()
    };
    Ok((Estimate::share(arrived, trials), chance / trials as f64))
}

/// Returns the fraction of walks that succeed.
fn share(successes: &[bool]) -> Estimate {
    Estimate::share(successes.iter().filter(|success| **success).count(), successes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number of latent variables: one for each factor, and one for the class.
    const LATENT: usize = FACTORS.len() + 1;

    /// Returns the classes and factors that a toy model gives to latent vectors. The factors are
    /// the first latent variables. The class is the last latent variable, rounded and limited to
    /// `classes` classes.
    fn made(z: &Tensor<f32>, classes: usize) -> Measured {
        let rows = || z.data().chunks_exact(LATENT);
        let class = |row: &[f32]| row[LATENT - 1].round().clamp(0.0, classes as f32 - 1.0) as usize;
        let factors: Vec<f64> =
            rows().flat_map(|row| row[..LATENT - 1].iter().map(|&x| f64::from(x))).collect();
        Measured {
            classes: rows().map(class).collect(),
            factors: Tensor::from_slice([z.dims()[0], FACTORS.len()], &factors),
        }
    }

    /// Returns the result of [`arithmetic`] for a toy model that generates only the first `own` of
    /// ten classes: the fraction of successes and the fraction by chance.
    fn of_ten(own: usize) -> (Estimate, f64) {
        let mut stream = Stream::new(3, "z", 0);
        let z = Tensor::build([2_000, LATENT], |out| {
            for row in out.chunks_exact_mut(LATENT) {
                row[..LATENT - 1].iter_mut().for_each(|x| *x = stream.normal() as f32);
                row[LATENT - 1] = stream.below(own) as f32;
            }
        });
        let found = made(&z, own);
        let measure = |sums: &Tensor<f32>| Ok(made(sums, own));
        arithmetic((&z, &found), (10, 500), &mut Stream::new(3, "sums", 0), measure).unwrap()
    }

    /// The factors and classes of the toy model are linear functions of z, so sums should usually
    /// succeed. A factor is high above 1/2 and low below -1/2. A normal variable above 1/2 has mean
    /// 1.1411 and variance 0.2684. A term of a sum is the mean of three samples, so its variance is
    /// a third of 0.2684. The factor is high in a, and low in b and c. Thus a - b + c has mean
    /// 1.1411 and variance 0.2684. It is above 1/2 with probability Phi((1.1411 - 0.5) / 0.518) =
    /// 0.892.
    #[test]
    fn arithmetic_arrives_where_factors_are_linear() {
        let (arrived, chance) = of_ten(10);
        assert!((arrived.value - 0.892).abs() < 0.05, "{arrived:?}");
        // A tenth of the samples has the expected class. Of these, a fraction 1 - Phi(1/2) = 0.3085
        // has a high factor.
        assert!((chance - 0.030_85).abs() < 0.004, "{chance}");
    }

    /// Each sum needs samples of two classes. A model of one class has samples of at most one of
    /// them, so every sum fails. A model of five of the ten classes succeeds only if it generates
    /// both classes. This is the case for a fraction 5/10 x 4/9 of all pairs.
    #[test]
    fn classes_that_a_model_does_not_make_are_failures() {
        let (arrived, chance) = of_ten(1);
        assert_eq!(arrived.value, 0.0);
        // The only class of the model is the expected class in a tenth of the sums.
        assert!((chance - 0.030_85).abs() < 0.012, "{chance}");
        let (arrived, _) = of_ten(5);
        assert!((arrived.value - 0.892 * 5.0 / 10.0 * 4.0 / 9.0).abs() < 0.06, "{arrived:?}");
    }
}
