//! What latent vectors do to the known factors of glyphs, measured by a regressor: does vector
//! arithmetic arrive where it should, do directions move what they are for? Each share of successes
//! stands beside what chance would give.

use crate::factors::FACTORS;
use crate::judges::{Judges, Kept, Regressor};
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

/// Samples that examples and directions are found among, at most; sums and walks that are tried, as
/// a share of them.
const MOST_SAMPLES: usize = 4_000;
const SHARE: usize = 8;
/// Examples in each term of a sum.
const EXAMPLES: usize = 3;
/// Standard deviations. Walks go this many of z to both sides of a sample along a direction. A walk
/// is a success if it changes the factor by this many of its own and keeps the class.
const REACH: f64 = 2.0;
const CHANGE: f64 = 1.0;

/// What measures glyphs.
pub(crate) struct Control {
    regressor: Regressor,
    /// The share of each factor's variance over test images that the regressor explains.
    pub(crate) explained: Vec<f64>,
    samples: usize,
    image_len: usize,
    /// How many the dataset has, of which a model may make fewer.
    classes: usize,
}

impl Control {
    /// Of a dataset whose factors are known; nothing of others.
    ///
    /// # Errors
    /// If the regressor can't be kept, or its features are not finite.
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
        let numbers = FACTORS.map(|(_, number)| number);
        let mut regressor = judges.regressor(train, &of_train, &numbers)?;
        let explained = regressor.explained(test, &of_test, &numbers)?;
        let (samples, classes) = (samples.min(MOST_SAMPLES), train.classes().len());
        Ok(Some(Control { regressor, explained, samples, image_len: train.image_len(), classes }))
    }

    /// Sums, and walks along each direction.
    fn trials(&self) -> usize {
        self.samples / SHARE
    }

    /// Classes and factors of what a model makes of latent vectors, of which only a part is in
    /// memory at a time.
    ///
    /// # Errors
    /// If samples or the features of a judge are not finite.
    fn measure(
        &mut self,
        judge: &mut Kept,
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
            let read = |judge: &mut Kept| {
                judge.read(x.dims()[0], *image_len, |range| x.narrow(0, range.start, range.len()))
            };
            Ok((classes(&read(judge)?.verdicts), read(&mut regressor.judge)?.verdicts))
        })
    }

    /// Notes how well a model is controlled; nothing of one that is told images.
    ///
    /// # Errors
    /// If conditions can't be had.
    pub(crate) fn score(
        &mut self,
        subject: &mut Subject,
        model: &mut Model,
        judge: &mut Kept,
    ) -> Result<(), BoxError> {
        if model.condition.is_some_and(Condition::is_image) {
            return Ok(());
        }
        note(format_args!("{}: vector arithmetic and directions", subject.name));
        let z = model.draw("control", self.samples)?;
        let conditions = model.conditions(0..self.samples)?;
        let found = self.measure(judge, model, (&z, conditions.as_ref()))?;
        if model.condition.is_none() {
            self.arithmetic(subject, model, judge, (&z, &found))?;
        }
        self.directions(subject, model, judge, (&z, &found))
    }

    /// What [`arithmetic`] finds of a model, whose terms are of any class of the dataset, made by
    /// the model or not.
    fn arithmetic(
        &mut self,
        subject: &mut Subject,
        model: &mut Model,
        judge: &mut Kept,
        (z, found): (&Tensor<f32>, &Measured),
    ) -> Result<(), BoxError> {
        let (classes, trials) = (self.classes, self.trials());
        let mut stream = Stream::new(model.seed, "control/arithmetic", 0);
        let look = |sums: &Tensor<f32>| self.measure(judge, model, (sums, None));
        let (arrived, chance) = arithmetic((z, found), (classes, trials), &mut stream, look)?;
        subject.note("arithmetic", arrived);
        subject.note("arithmetic_chance", chance);
        Ok(())
    }

    /// Walks along the direction in which a factor rises most, by the covariance of z with it over
    /// samples, and along a random one.
    fn directions(
        &mut self,
        subject: &mut Subject,
        model: &mut Model,
        judge: &mut Kept,
        (z, found): (&Tensor<f32>, &Measured),
    ) -> Result<(), BoxError> {
        let latent = model.latent;
        let mut chance = vec![];
        for (factor, (key, _)) in FACTORS.iter().enumerate() {
            let mean = (0..self.samples).map(|i| found.factor(i, factor)).sum::<f64>() / self.samples as f64;
            let covariance = |j: usize| -> f64 {
                (0..self.samples)
                    .map(|i| f64::from(z.data()[i * latent + j]) * (found.factor(i, factor) - mean))
                    .sum()
            };
            let along: Vec<f64> = (0..latent).map(covariance).collect();
            let mut stream = Stream::new(model.seed, "control/direction", factor as u64);
            let random: Vec<f64> = (0..self.trials() * latent).map(|_| stream.normal()).collect();
            let walks = self.walks(model, judge, (z, found), (&along, factor))?;
            subject.note(key, share(&walks));
            chance.extend(self.walks(model, judge, (z, found), (&random, factor))?);
        }
        subject.note("direction_chance", share(&chance).value);
        Ok(())
    }

    /// Of each walk, along one direction or each along its own, whether it changes the factor and
    /// not the class.
    fn walks(
        &mut self,
        model: &mut Model,
        judge: &mut Kept,
        (z, found): (&Tensor<f32>, &Measured),
        (direction, factor): (&[f64], usize),
    ) -> Result<Vec<bool>, BoxError> {
        let latent = model.latent;
        let length = |row: &[f64]| row.iter().map(|d| d * d).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        let lengths: Vec<f64> = direction.chunks_exact(latent).map(length).collect();
        let spread = (z.sum_of_squares() / z.len() as f64).sqrt();
        let conditions = model.conditions(0..self.trials())?;
        let mut end = |sign: f64| -> Result<Measured, BoxError> {
            let moved = Tensor::build([self.trials(), latent], |out| {
                for (i, (out, z)) in out.iter_mut().zip(z.data()).enumerate() {
                    let (step, length) =
                        (direction[i % direction.len()], lengths[i / latent % lengths.len()]);
                    *out = z + (sign * REACH * spread * step / length) as f32;
                }
            });
            self.measure(judge, model, (&moved, conditions.as_ref()))
        };
        let (low, high) = (end(-1.0)?, end(1.0)?);
        let success = |i: usize| {
            let class = found.classes[i];
            low.classes[i] == class
                && high.classes[i] == class
                && high.factor(i, factor) - low.factor(i, factor) > CHANGE
        };
        Ok((0..self.trials()).map(success).collect())
    }
}

/// Class c thick, minus class c thin, plus class d thin: is that class d thick? And so with every
/// factor and any two of `classes` classes, among samples of which latent vectors, classes and
/// factors are known; `look` says what a model makes of the sums.
///
/// The share of `trials` sums that arrive, one whose terms the model makes too few of having
/// failed; and what it would be by chance, the mean over all these sums of the share of samples
/// that are what was wanted.
fn arithmetic(
    (z, found): (&Tensor<f32>, &Measured),
    (classes, trials): (usize, usize),
    stream: &mut Stream,
    look: impl FnOnce(&Tensor<f32>) -> Result<Measured, BoxError>,
) -> Result<(Estimate, f64), BoxError> {
    let [samples, latent] = z.shape().matrix();
    let (mut sums, mut wanted, mut chance): (Vec<f32>, Vec<(usize, usize)>, f64) = (vec![], vec![], 0.0);
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
            wanted.push((to, factor));
        }
        let alike = (0..samples).filter(|&i| found.is(i, to, factor, true)).count();
        chance += alike as f64 / samples as f64;
    }
    let arrived = if wanted.is_empty() {
        0
    } else {
        let made = look(&Tensor::from_slice([wanted.len(), latent], &sums))?;
        wanted.iter().enumerate().filter(|&(i, &(class, factor))| made.is(i, class, factor, true)).count()
    };
    Ok((Estimate::share(arrived, trials), chance / trials as f64))
}

/// How many of tries succeeded.
fn share(successes: &[bool]) -> Estimate {
    Estimate::share(successes.iter().filter(|success| **success).count(), successes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in z: one for each factor, and one for the class.
    const LATENT: usize = FACTORS.len() + 1;

    /// Samples of a model whose factors are numbers of z, and whose class, below `classes`, is the
    /// one that the last number is nearest to.
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

    /// The share that arrives, and chance, of a model that makes `own` of ten classes.
    fn of_ten(own: usize) -> (Estimate, f64) {
        let mut stream = Stream::new(3, "z", 0);
        let z = Tensor::build([2_000, LATENT], |out| {
            for row in out.chunks_exact_mut(LATENT) {
                row[..LATENT - 1].iter_mut().for_each(|x| *x = stream.normal() as f32);
                row[LATENT - 1] = stream.below(own) as f32;
            }
        });
        let found = made(&z, own);
        let look = |sums: &Tensor<f32>| Ok(made(sums, own));
        arithmetic((&z, &found), (10, 500), &mut Stream::new(3, "sums", 0), look).unwrap()
    }

    /// Factors and classes that are numbers of z are what sums of z are made for. A normal variable
    /// above 1/2 has the mean 1.1411 and the variance 0.2684, so a sum of three means of three has
    /// 1.1411 and 0.2684, and is above 1/2 with probability Phi((1.1411 - 0.5) / 0.518) = 0.892.
    #[test]
    fn arithmetic_arrives_where_factors_are_linear() {
        let (arrived, chance) = of_ten(10);
        assert!((arrived.value - 0.892).abs() < 0.05, "{arrived:?}");
        // A tenth of the samples is of the class, 1 - Phi(1/2) = 0.3085 of them high.
        assert!((chance - 0.030_85).abs() < 0.004, "{chance}");
    }

    /// A model of one class has no other to go to, however well its factors add up; one of half of
    /// them gets the pairs among these, 5/10 x 4/9, as often as one of all.
    #[test]
    fn classes_that_a_model_does_not_make_are_failures() {
        let (arrived, chance) = of_ten(1);
        assert_eq!(arrived.value, 0.0);
        // One sum in ten goes to the class that there is.
        assert!((chance - 0.030_85).abs() < 0.012, "{chance}");
        let (arrived, _) = of_ten(5);
        assert!((arrived.value - 0.892 * 5.0 / 10.0 * 4.0 / 9.0).abs() < 0.06, "{arrived:?}");
    }
}
