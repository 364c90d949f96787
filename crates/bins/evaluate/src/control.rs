//! What latent vectors do to the known factors of glyphs, measured by a regressor: does vector arithmetic arrive where it should, do
//! directions move what they are for? Each share of successes stands beside what chance would give.

use crate::judges::{Number, Reading, Recipe, Regressor, read};
use crate::table::Subject;
use adjoint_data::glyphs::{Factors, Glyphs, Palette};
use adjoint_data::{Dataset, Options, PixelRange, Split};
use adjoint_metrics::Estimate;
use adjoint_metrics::classifier::classes;
use adjoint_metrics::judge::Judge;
use adjoint_nn::{Stream, Tensor};
use adjoint_train::{BoxError, note};
use adjoint_trained::Model;
use adjoint_workbench::game::Condition;

/// The factors, and the key of the figure of their direction.
const FACTORS: [(&str, Number); 3] = [
    ("direction_thickness", |f| f.stroke_width),
    ("direction_slant", |f| f.slant),
    ("direction_width", |f| f.aspect),
];

/// Samples that examples and directions are found among, at most; sums and walks that are tried, as a share of them.
const MOST_SAMPLES: usize = 4_000;
const SHARE: usize = 8;
/// Examples in each term of a sum.
const EXAMPLES: usize = 3;
/// A factor is high or low so many standard deviations from its mean.
const FAR: f64 = 0.5;
/// Walks go so many standard deviations of z to both sides of a sample along a direction; that is a success that changes the factor by
/// this many of its own and leaves the class.
const REACH: f64 = 2.0;
const CHANGE: f64 = 1.0;

/// What measures glyphs.
pub(crate) struct Control {
    regressor: Regressor,
    /// The share of each factor's variance over test images that the regressor explains.
    pub(crate) explained: Vec<f64>,
    samples: usize,
}

/// Classes and factors of images.
struct Measured {
    classes: Vec<usize>,
    /// (N, factors).
    factors: Tensor<f64>,
}

impl Measured {
    fn factor(&self, image: usize, factor: usize) -> f64 {
        self.factors.data()[image * FACTORS.len() + factor]
    }
}

impl Control {
    /// Of a dataset whose factors are known; nothing of others.
    ///
    /// # Errors
    /// If the regressor can't be kept.
    pub(crate) fn new(
        train: &Dataset,
        test: &Dataset,
        samples: usize,
        recipe: &Recipe,
    ) -> Result<Option<Self>, BoxError> {
        let palette = match train.name() {
            "glyphs" => Palette::Grey,
            "glyphs-rgb" => Palette::Rgb,
            _ => return Ok(None),
        };
        let factors = |split: Split, count: usize| -> Vec<Factors> {
            let glyphs = Glyphs::new(Options::default().seed, split, train.image_size(), palette);
            (0..count).map(|i| glyphs.factors(i)).collect()
        };
        let numbers = FACTORS.map(|(_, number)| number);
        let mut regressor = recipe.regressor(train, &factors(Split::Train, train.len()), &numbers)?;
        let shown = test.len().min(2_000);
        let images = test.images(&(0..shown).collect::<Vec<_>>(), PixelRange::Unit);
        let explained = regressor.explained(&images, &factors(Split::Test, shown), &numbers);
        Ok(Some(Control { regressor, explained, samples: samples.min(MOST_SAMPLES) }))
    }

    /// Sums, and walks along each direction.
    fn trials(&self) -> usize {
        self.samples / SHARE
    }

    fn measure(&mut self, judge: &mut Judge<f32>, model: &Model, x: &Tensor<f32>) -> Measured {
        let x = model.unit(x);
        let [_, image_len] = x.shape().around(0);
        let part = |range: std::ops::Range<usize>| x.narrow(0, range.start, range.len());
        let Reading { verdicts, .. } = read(judge, x.dims()[0], image_len, part);
        Measured { classes: classes(&verdicts), factors: self.regressor.measure(&x) }
    }

    /// Notes how well a model is controlled; nothing of one that is told images.
    ///
    /// # Errors
    /// If conditions can't be had.
    pub(crate) fn score(
        &mut self,
        subject: &mut Subject,
        model: &mut Model,
        judge: &mut Judge<f32>,
    ) -> Result<(), BoxError> {
        if model.condition.is_some_and(Condition::is_image) {
            return Ok(());
        }
        note(format_args!("{}: vector arithmetic and directions", subject.name));
        let z = model.draw("control", self.samples)?;
        let conditions = model.conditions(0..self.samples)?;
        let x = model.decode(&z, conditions.as_ref());
        let found = self.measure(judge, model, &x);
        if model.condition.is_none() {
            self.arithmetic(subject, model, judge, (&z, &found));
        }
        self.directions(subject, model, judge, (&z, &found))
    }

    /// Class c thick, minus class c thin, plus class d thin: is that class d thick? And so with every factor, any two classes.
    fn arithmetic(
        &mut self,
        subject: &mut Subject,
        model: &mut Model,
        judge: &mut Judge<f32>,
        (z, found): (&Tensor<f32>, &Measured),
    ) {
        let latent = model.latent;
        let mut stream = Stream::new(model.seed, "control/arithmetic", 0);
        let classes = 1 + found.classes.iter().copied().max().unwrap_or(0);
        let is = |i: usize, class: usize, factor: usize, high: bool| {
            let value = found.factor(i, factor);
            found.classes[i] == class && if high { value > FAR } else { value < -FAR }
        };
        let mut sums: Vec<f32> = vec![];
        let mut wanted: Vec<(usize, usize)> = vec![];
        for _ in 0..self.trials() {
            let factor = stream.below(FACTORS.len());
            let from = stream.below(classes);
            let to = (from + 1 + stream.below((classes - 1).max(1))) % classes;
            // A model that makes too few of a class has no such sum: it counts as failed.
            let mut mean = |class: usize, high: bool| -> Option<Vec<f32>> {
                let mut examples: Vec<usize> =
                    (0..self.samples).filter(|&i| is(i, class, factor, high)).collect();
                stream.shuffle(&mut examples);
                let examples = examples.get(..EXAMPLES)?;
                let number =
                    |j| examples.iter().map(|i| z.data()[i * latent + j]).sum::<f32>() / EXAMPLES as f32;
                Some((0..latent).map(number).collect())
            };
            let (a, b, c) = (mean(from, true), mean(from, false), mean(to, false));
            if let (Some(a), Some(b), Some(c)) = (a, b, c) {
                sums.extend((0..latent).map(|j| a[j] - b[j] + c[j]));
                wanted.push((to, factor));
            }
        }
        let mut successes = vec![0.0; self.trials()];
        let mut chances = vec![0.0; self.trials()];
        if !wanted.is_empty() {
            let x = model.decode(&Tensor::from_slice([wanted.len(), latent], &sums), None);
            let sum = self.measure(judge, model, &x);
            for (i, &(class, factor)) in wanted.iter().enumerate() {
                let arrived = sum.classes[i] == class && sum.factor(i, factor) > FAR;
                successes[i] = f64::from(u8::from(arrived));
                let of_all = (0..self.samples).filter(|&i| is(i, class, factor, true)).count();
                chances[i] = of_all as f64 / self.samples as f64;
            }
        }
        subject.note("arithmetic", Estimate::of(&successes));
        subject.note("arithmetic_chance", Estimate::of(&chances).value);
    }

    /// Walks along the direction in which a factor rises most, by the covariance of z with it over samples, and along a random one.
    fn directions(
        &mut self,
        subject: &mut Subject,
        model: &mut Model,
        judge: &mut Judge<f32>,
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
            subject.note(key, Estimate::of(&walks));
            chance.extend(self.walks(model, judge, (z, found), (&random, factor))?);
        }
        subject.note("direction_chance", Estimate::of(&chance).value);
        Ok(())
    }

    /// Of each walk, along one direction or each along its own, whether it changes the factor and not the class.
    fn walks(
        &mut self,
        model: &mut Model,
        judge: &mut Judge<f32>,
        (z, found): (&Tensor<f32>, &Measured),
        (direction, factor): (&[f64], usize),
    ) -> Result<Vec<f64>, BoxError> {
        let latent = model.latent;
        let length = |row: &[f64]| row.iter().map(|d| d * d).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        let lengths: Vec<f64> = direction.chunks_exact(latent).map(length).collect();
        let spread = (z.sum_of_squares() / z.len() as f64).sqrt();
        let conditions = model.conditions(0..self.trials())?;
        let mut end = |sign: f64| {
            let moved = Tensor::build([self.trials(), latent], |out| {
                for (i, (out, z)) in out.iter_mut().zip(z.data()).enumerate() {
                    let (step, length) =
                        (direction[i % direction.len()], lengths[i / latent % lengths.len()]);
                    *out = z + (sign * REACH * spread * step / length) as f32;
                }
            });
            let x = model.decode(&moved, conditions.as_ref());
            self.measure(judge, model, &x)
        };
        let (low, high) = (end(-1.0), end(1.0));
        let success = |i: usize| {
            let class = found.classes[i];
            low.classes[i] == class
                && high.classes[i] == class
                && high.factor(i, factor) - low.factor(i, factor) > CHANGE
        };
        Ok((0..self.trials()).map(|i| f64::from(u8::from(success(i)))).collect())
    }
}
