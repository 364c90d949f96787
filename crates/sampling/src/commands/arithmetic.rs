//! Vector arithmetic on latent vectors (Radford et al. 2016, section 6.3.2). The user describes
//! samples A, B and C in words. The result is the mean latent vector of A, minus that of B, plus
//! that of C.
//!
//! A sample has the attributes of the training image that is nearest to it. An attribute is a
//! class. For glyphs it is also a low or high value of a factor, such as "thick".

use crate::cli::Run;
use crate::commands::neighbours::nearest;
use crate::latent::rows;
use adjoint_data::glyphs::Factors;
use adjoint_data::{Dataset, Split};
use adjoint_metrics::neighbours::Neighbour;
use adjoint_nn::{Stream, Tensor};
use adjoint_recipes::Model;
use adjoint_recipes::{limits, pictures};
use adjoint_runs::values::whole;
use adjoint_runs::{BoxError, Image};

/// Number of samples among which samples of A, B and C are searched.
const SAMPLES: usize = 1_000;
/// Number of training images among which the image nearest to a sample is searched.
const TRAINING: usize = 10_000;
/// Number of samples of A, of B and of C that are shown.
const SHOWN: usize = 3;
/// The picture also shows latent vectors near the result. They are the result plus uniform noise
/// between minus this value and this value, in each latent variable. The paper uses 0.25.
const NEIGHBOURHOOD: f64 = 0.25;
/// The lowest values of a factor, this fraction of all images, count as low. The highest values,
/// the same fraction, count as high.
const LOW: f64 = 0.3;

/// A - B + C.
#[derive(clap::Args, Debug)]
pub(crate) struct Arithmetic {
    /// A in words, such as "7 thick": a class and, for glyphs, thin, thick, upright, slanted,
    /// narrow or wide
    #[arg(long, value_name = "WORDS")]
    a: String,

    /// B in words
    #[arg(long, value_name = "WORDS")]
    b: String,

    /// C in words
    #[arg(long, value_name = "WORDS")]
    c: String,

    /// Number of samples that each mean is taken over
    #[arg(long, value_name = "N", default_value = "3", value_parser = whole::<usize>(1..=100))]
    examples: usize,
}

/// A function that returns one factor of a glyph.
type Factor = fn(&Factors) -> f32;

/// A function that returns true if image i has an attribute.
type Test<'a> = Box<dyn Fn(usize) -> bool + 'a>;

/// Returns the class of this name. A class with the same capital letters has priority.
fn class_of(name: &str, set: &Dataset) -> Option<usize> {
    let classes = set.classes();
    let same = classes.iter().position(|class| class == name);
    same.or_else(|| classes.iter().position(|class| class.eq_ignore_ascii_case(name)))
}

/// Returns a function that tests images for the attribute that `word` names. `factors` are the
/// factors of the tested images of `set`. They are empty if the dataset has no factors.
///
/// # Errors
/// If the word is not an attribute of this set.
fn attribute<'a>(word: &str, set: &'a Dataset, factors: &'a [Factors]) -> Result<Test<'a>, BoxError> {
    if let Some(class) = class_of(word, set) {
        return Ok(Box::new(move |i| usize::from(set.labels()[i]) == class));
    }
    let classes = set.classes().join(", ");
    let (factor, high): (Factor, bool) = match word {
        "thin" => (|f| f.stroke_width, false),
        "thick" => (|f| f.stroke_width, true),
        "upright" => (|f| f.slant.abs(), false),
        "slanted" => (|f| f.slant, true),
        "narrow" => (|f| f.aspect, false),
        "wide" => (|f| f.aspect, true),
        _ => {
            return Err(format!(
                "`{word}` is no attribute; attributes are the classes {classes} and, for glyphs, thin, thick, upright, slanted, narrow and wide"
            )
            .into());
        }
    };
    if factors.is_empty() {
        let name = set.name();
        return Err(format!(
            "`{word}` is an attribute of glyphs only; the attributes of {name} are the classes {classes}"
        )
        .into());
    }
    let mut values: Vec<f32> = factors.iter().map(factor).collect();
    values.sort_by(f32::total_cmp);
    let share = if high { 1.0 - LOW } else { LOW };
    let bound = values[(share * (values.len() - 1) as f64) as usize];
    Ok(Box::new(move |i| {
        let value = factor(&factors[i]);
        if high { value >= bound } else { value <= bound }
    }))
}

impl Arithmetic {
    /// Parses the descriptions A, B and C. Returns the tests of each description, one per word.
    ///
    /// # Errors
    /// If a description is empty, or a word is not an attribute of this set.
    fn terms<'a>(&self, set: &'a Dataset, factors: &'a [Factors]) -> Result<[Vec<Test<'a>>; 3], BoxError> {
        let parse = |text: &str| {
            // The name of a folder may consist of several words.
            if class_of(text.trim(), set).is_some() {
                return Ok(vec![attribute(text.trim(), set, factors)?]);
            }
            let words: Vec<&str> = text.split([' ', ',']).filter(|w| !w.is_empty()).collect();
            if words.is_empty() {
                return Err("--a, --b and --c need at least one word each, such as \"7 thick\"".into());
            }
            words.into_iter().map(|word| attribute(word, set, factors)).collect()
        };
        Ok([parse(&self.a)?, parse(&self.b)?, parse(&self.c)?])
    }

    /// Returns the indices of samples that fit a description. `near` has the training image nearest
    /// to each sample, which must pass all `tests`. The samples that are closest to their training
    /// image come first.
    ///
    /// # Errors
    /// If fewer samples fit than `--examples` needs. `text` is the description.
    fn examples(&self, near: &[Neighbour], tests: &[Test<'_>], text: &str) -> Result<Vec<usize>, BoxError> {
        let passes = |&i: &usize| tests.iter().all(|test| test(near[i].index));
        let mut found: Vec<usize> = (0..SAMPLES).filter(passes).collect();
        found.sort_by(|&a, &b| near[a].squared.total_cmp(&near[b].squared));
        if found.len() < self.examples {
            let (there, needed) = (found.len(), self.examples);
            return Err(format!(
                "{there} of {SAMPLES} samples are `{text}`, and {needed} are needed; use fewer words, or reduce --examples"
            )
            .into());
        }
        found.truncate(self.examples);
        Ok(found)
    }
}

/// Decodes each row of z. Finds the image nearest to each sample among the first `known` images of
/// `train`.
fn nearest_images(
    model: &mut Model,
    z: &Tensor<f32>,
    train: &Dataset,
    known: usize,
) -> Result<Vec<Neighbour>, BoxError> {
    let mut near = vec![];
    // Samples are decoded in parts, because all large samples may not fit into memory.
    for part in limits::parts(0..SAMPLES, limits::chunk(SAMPLES, train.image_len())) {
        let x = model.decode(&z.narrow(0, part.start, part.len()), None)?;
        near.extend(nearest(model, &x, (train, known), 1)?.into_iter().map(|of_one| of_one[0]));
    }
    Ok(near)
}

/// Returns nine latent vectors, row by row of a 3 x 3 square. The vector in the middle is `result`.
/// The other eight are `result` plus random noise.
fn neighbourhood(result: &[f32], seed: u64) -> Vec<Vec<f32>> {
    let mut stream = Stream::new(seed, "neighbourhood", 0);
    (0..9)
        .map(|i| {
            let reach = if i == 4 { 0.0 } else { NEIGHBOURHOOD };
            result.iter().map(|&r| r + (reach * (2.0 * stream.uniform() - 1.0)) as f32).collect()
        })
        .collect()
}

impl Run for Arithmetic {
    fn draw(&self, model: &mut Model) -> Result<(Image, String), BoxError> {
        model.needs_images()?;
        if model.condition.is_some() {
            let lack = "is conditional: the attributes of a sample do not follow from z";
            return Err(model.refusal(lack, "a model without conditions"));
        }
        let train = model.dataset(Split::Train)?;
        let known = train.len().min(TRAINING);
        let factors: Option<Vec<Factors>> = (0..known).map(|i| train.factors(i)).collect();
        let factors = factors.unwrap_or_default();
        let terms = self.terms(&train, &factors)?;
        let z = model.draw("arithmetic", SAMPLES)?;
        let near = nearest_images(model, &z, &train, known)?;
        let mut means = vec![];
        let mut tiles = vec![];
        for (tests, text) in terms.iter().zip([&self.a, &self.b, &self.c]) {
            let examples = self.examples(&near, tests, text)?;
            let vector = |i: usize| &z.data()[i * model.latent..][..model.latent];
            let mean = (0..model.latent)
                .map(|j| examples.iter().map(|&i| vector(i)[j]).sum::<f32>() / examples.len() as f32)
                .collect::<Vec<f32>>();
            let shown: Vec<usize> = (0..SHOWN).map(|k| examples[k % examples.len()]).collect();
            let shown = model.decode(&z.gather_rows(&shown), None)?;
            tiles.extend((0..SHOWN).map(|k| shown.narrow(0, k, 1)));
            tiles.push(model.decode(&rows(std::slice::from_ref(&mean)), None)?);
            means.push(mean);
        }
        let result: Vec<f32> = (0..model.latent).map(|j| means[0][j] - means[1][j] + means[2][j]).collect();
        let results = model.decode(&rows(&neighbourhood(&result, model.seed)), None)?;
        let sum = format!("({}) - ({}) + ({})", self.a, self.b, self.c);
        let shown =
            format!("{sum}: {SHOWN} samples and their mean per row; below, the sum among its neighbours");
        Ok((picture(model, &tiles, &results), shown))
    }
}

/// Draws one row each for A, B and C: samples, then the sample of their mean latent vector. Below
/// are the 3 x 3 samples of the result and of the vectors around it.
fn picture(model: &Model, tiles: &[Tensor<f32>], results: &Tensor<f32>) -> Image {
    let blank = tiles[0].map(|_| 1.0);
    let mut all: Vec<Tensor<f32>> = tiles.to_vec();
    // A white row separates A, B and C from the result.
    all.extend(vec![blank.clone(); SHOWN + 1]);
    for row in 0..3 {
        all.extend((0..3).map(|column| results.narrow(0, 3 * row + column, 1)));
        all.push(blank.clone());
    }
    let images = Tensor::concat(&all.iter().collect::<Vec<_>>(), 0);
    pictures::rows(&images, SHOWN + 1, model.range)
}
