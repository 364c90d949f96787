//! Vector arithmetic in latent space (Radford et al. 2016, section 6.3.2): the mean latent vector
//! of samples of A, minus that of samples of B, plus that of samples of C.
//!
//! A sample has the attributes of its nearest training image. An attribute is a class or, for
//! glyphs, a range of a factor that the glyph was drawn from.

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

/// Number of samples that are searched for A, B and C.
const SAMPLES: usize = 1_000;
/// Number of training images that samples are compared with.
const TRAINING: usize = 10_000;
/// Number of samples of A, of B and of C that are shown.
const SHOWN: usize = 3;
/// Neighbours of the result have uniform noise in plus or minus this added to each latent variable
/// (0.25 in the paper).
const NEIGHBOURHOOD: f64 = 0.25;
/// Fraction of all images that count as low in a factor, and fraction that count as high.
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

/// A factor of a glyph.
type Factor = fn(&Factors) -> f32;

/// One word of a description.
#[derive(Clone, Copy, Debug)]
enum Attribute {
    Class(usize),
    /// Low or high in a factor.
    Factor(Factor, bool),
}

impl Attribute {
    fn parse(word: &str, set: &Dataset) -> Result<Self, BoxError> {
        if let Some(class) = set.classes().iter().position(|class| class.eq_ignore_ascii_case(word)) {
            return Ok(Attribute::Class(class));
        }
        let known = set.factors(0).is_some();
        let factor: Option<(Factor, bool)> = match word {
            "thin" => Some((|f| f.stroke_width, false)),
            "thick" => Some((|f| f.stroke_width, true)),
            "upright" => Some((|f| f.slant.abs(), false)),
            "slanted" => Some((|f| f.slant, true)),
            "narrow" => Some((|f| f.aspect, false)),
            "wide" => Some((|f| f.aspect, true)),
            _ => None,
        };
        let classes = set.classes().join(", ");
        match factor {
            Some((factor, high)) if known => Ok(Attribute::Factor(factor, high)),
            Some(_) => Err(format!(
                "`{word}` is an attribute of glyphs only; the attributes of {} are the classes {classes}",
                set.name()
            )
            .into()),
            None => Err(format!(
                "`{word}` is no attribute; attributes are the classes {classes} and, for glyphs, thin, thick, upright, slanted, narrow and wide"
            )
            .into()),
        }
    }
}

/// The classes and, for glyphs, the factors of the training images.
struct Knowledge<'a> {
    set: &'a Dataset,
    factors: Vec<Factors>,
}

impl<'a> Knowledge<'a> {
    fn of(set: &'a Dataset, images: usize) -> Self {
        let factors: Option<_> = (0..images).map(|i| set.factors(i)).collect();
        Knowledge { set, factors: factors.unwrap_or_default() }
    }

    /// Returns a function that tests whether image i has all these attributes.
    fn test(&self, attributes: &[Attribute]) -> impl Fn(usize) -> bool {
        let bounds: Vec<f32> = attributes
            .iter()
            .map(|attribute| match *attribute {
                Attribute::Class(_) => 0.0,
                Attribute::Factor(factor, high) => {
                    let mut values: Vec<f32> = self.factors.iter().map(factor).collect();
                    values.sort_by(f32::total_cmp);
                    let share = if high { 1.0 - LOW } else { LOW };
                    values[(share * (values.len() - 1) as f64) as usize]
                }
            })
            .collect();
        move |i| {
            attributes.iter().zip(&bounds).all(|(attribute, &bound)| match *attribute {
                Attribute::Class(class) => usize::from(self.set.labels()[i]) == class,
                Attribute::Factor(factor, true) => factor(&self.factors[i]) >= bound,
                Attribute::Factor(factor, false) => factor(&self.factors[i]) <= bound,
            })
        }
    }
}

impl Arithmetic {
    /// Parses the descriptions of A, B and C.
    ///
    /// # Errors
    /// If a description is empty, or a word is not an attribute of this set.
    fn terms(&self, set: &Dataset) -> Result<[Vec<Attribute>; 3], BoxError> {
        let parse = |text: &str| -> Result<Vec<Attribute>, BoxError> {
            let words: Vec<&str> = text.split([' ', ',']).filter(|w| !w.is_empty()).collect();
            if words.is_empty() {
                return Err("--a, --b and --c need at least one word each, such as \"7 thick\"".into());
            }
            words.into_iter().map(|word| Attribute::parse(word, set)).collect()
        };
        Ok([parse(&self.a)?, parse(&self.b)?, parse(&self.c)?])
    }

    /// Returns the indices of samples whose nearest images, `near`, pass `test`. Samples that are
    /// closest to their nearest image come first.
    ///
    /// # Errors
    /// If there are fewer such samples than the command needs. `text` is their description.
    fn examples(
        &self,
        near: &[Neighbour],
        test: impl Fn(usize) -> bool,
        text: &str,
    ) -> Result<Vec<usize>, BoxError> {
        let mut found: Vec<(f64, usize)> =
            (0..SAMPLES).filter(|&i| test(near[i].index)).map(|i| (near[i].squared, i)).collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        if found.len() < self.examples {
            let (there, needed) = (found.len(), self.examples);
            return Err(format!(
                "{there} of {SAMPLES} samples are `{text}`, and {needed} are needed; use fewer words, or reduce --examples"
            )
            .into());
        }
        Ok(found[..self.examples].iter().map(|&(_, i)| i).collect())
    }
}

/// Finds the image nearest to the sample of each row of z among the first `known` images of a set.
fn nearest_images(
    model: &mut Model,
    z: &Tensor<f32>,
    train: &Dataset,
    known: usize,
) -> Result<Vec<Neighbour>, BoxError> {
    let mut near = vec![];
    // Split into parts, because all large samples may not fit into memory.
    for part in limits::parts(0..SAMPLES, limits::chunk(SAMPLES, train.image_len())) {
        let x = model.decode(&z.narrow(0, part.start, part.len()), None)?;
        near.extend(nearest(model, &x, (train, known), 1).into_iter().map(|of_one| of_one[0]));
    }
    Ok(near)
}

/// Returns nine latent vectors, row by row of a 3 x 3 square: the result in the middle and eight
/// random neighbours around it.
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
        let knowledge = Knowledge::of(&train, known);
        let terms = self.terms(&train)?;
        let z = model.draw("arithmetic", SAMPLES)?;
        let near = nearest_images(model, &z, &train, known)?;
        let mut means = vec![];
        let mut tiles = vec![];
        for (attributes, text) in terms.iter().zip([&self.a, &self.b, &self.c]) {
            let examples = self.examples(&near, knowledge.test(attributes), text)?;
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
        Ok((picture(model, &tiles, &results), format!("({}) - ({}) + ({})", self.a, self.b, self.c)))
    }
}

/// Draws one row per term: its examples, then the sample of their mean. Below is the result in the
/// middle of its neighbourhood.
fn picture(model: &Model, tiles: &[Tensor<f32>], results: &Tensor<f32>) -> Image {
    let blank = tiles[0].map(|_| 1.0);
    let mut all: Vec<Tensor<f32>> = tiles.to_vec();
    // A white row separates the terms from the result.
    all.extend(vec![blank.clone(); SHOWN + 1]);
    for row in 0..3 {
        all.extend((0..3).map(|column| results.narrow(0, 3 * row + column, 1)));
        all.push(blank.clone());
    }
    let images = Tensor::concat(&all.iter().collect::<Vec<_>>(), 0);
    pictures::rows(&images, SHOWN + 1, model.range)
}
