//! The scores of several subjects, as Markdown tables and as JSON.

use crate::judges::Skill;
use adjoint_metrics::Estimate;
use serde_json::{Map, Value, json};

/// The description of one score: its name, its place in the tables and its format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// Its name in JSON.
    pub(crate) key: &'static str,
    /// Its column heading, with an arrow: ↑ if higher is better, ↓ if lower is better, →x if closer
    /// to x is better.
    pub(crate) heading: &'static str,
    /// The table that the score is in.
    pub(crate) group: &'static str,
    /// Factor that values are multiplied by in tables, and number of decimals in tables.
    pub(crate) scale: f64,
    pub(crate) digits: usize,
}

const fn figure(
    key: &'static str,
    heading: &'static str,
    group: &'static str,
    scale: f64,
    digits: usize,
) -> Figure {
    Figure { key, heading, group, scale, digits }
}

const JUDGE: &str = "by the judge";
const FEATURES: &str = "in the judge's features";
const PIXELS: &str = "in pixels";
const RESOLUTIONS: &str = "sliced Wasserstein ×1000, by resolution";
const BOUNDS: &str = "likelihood, in nats per image";
const CONTROL: &str = "control of known factors, in % (and by chance)";
const PLANE: &str = "in the plane";

/// The scores of details at the resolution of the images, at half of it, and so on. Images of the
/// largest size have one level of details for each.
pub(crate) const DETAILS: [&str; 6] =
    ["sliced_1", "sliced_2", "sliced_4", "sliced_8", "sliced_16", "sliced_32"];

/// The tables whose scores need the judge of images.
const JUDGED: [&str; 3] = [JUDGE, FEATURES, CONTROL];

/// All scores, in the order of the tables.
pub(crate) const FIGURES: [Figure; 38] = [
    figure("classifier_score", "score ↑", JUDGE, 1.0, 2),
    figure("confident", "confident % ↑", JUDGE, 100.0, 1),
    figure("class_variation", "class TV % ↓", JUDGE, 100.0, 1),
    figure("condition_accuracy", "requested class % ↑", JUDGE, 100.0, 1),
    figure("frechet", "Fréchet ↓", FEATURES, 1.0, 3),
    figure("kernel", "kernel ×1000 ↓", FEATURES, 1000.0, 2),
    figure("precision", "precision % ↑", FEATURES, 100.0, 1),
    figure("recall", "recall % ↑", FEATURES, 100.0, 1),
    figure("density", "density ↑", FEATURES, 1.0, 2),
    figure("coverage", "coverage % ↑", FEATURES, 100.0, 1),
    figure("parzen", "Parzen nats ↑", PIXELS, 1.0, 1),
    figure("parzen_sigma", "sigma", PIXELS, 1.0, 3),
    figure("one_nn_error", "1-NN error % ↓", PIXELS, 100.0, 2),
    figure("two_sample", "two-sample % →50", PIXELS, 100.0, 1),
    figure("distance_ratio", "distance ratio →1", PIXELS, 1.0, 3),
    figure("sharpness", "sharpness", PIXELS, 1.0, 3),
    figure("sliced", "average ↓", RESOLUTIONS, 1000.0, 2),
    figure(DETAILS[0], "full ↓", RESOLUTIONS, 1000.0, 2),
    figure(DETAILS[1], "1/2 ↓", RESOLUTIONS, 1000.0, 2),
    figure(DETAILS[2], "1/4 ↓", RESOLUTIONS, 1000.0, 2),
    figure(DETAILS[3], "1/8 ↓", RESOLUTIONS, 1000.0, 2),
    figure(DETAILS[4], "1/16 ↓", RESOLUTIONS, 1000.0, 2),
    figure(DETAILS[5], "1/32 ↓", RESOLUTIONS, 1000.0, 2),
    figure("elbo", "ELBO ↑", BOUNDS, 1.0, 2),
    figure("nll", "NLL ↓", BOUNDS, 1.0, 2),
    figure("kl", "KL", BOUNDS, 1.0, 2),
    figure("active_units", "active units", BOUNDS, 1.0, 0),
    figure("ais", "AIS: log p(x) ≥", BOUNDS, 1.0, 2),
    figure("ais_gap", "AIS gap ↓", BOUNDS, 1.0, 2),
    figure("arithmetic", "arithmetic ↑", CONTROL, 100.0, 1),
    figure("arithmetic_chance", "(chance)", CONTROL, 100.0, 1),
    figure("direction_thickness", "thickness ↑", CONTROL, 100.0, 1),
    figure("direction_slant", "slant ↑", CONTROL, 100.0, 1),
    figure("direction_width", "width ↑", CONTROL, 100.0, 1),
    figure("direction_chance", "(chance)", CONTROL, 100.0, 1),
    figure("modes", "modes ↑", PLANE, 1.0, 0),
    figure("high_quality", "high quality % ↑", PLANE, 100.0, 1),
    figure("divergence", "KL nats ↓", PLANE, 1.0, 3),
];

/// The scores of one subject: a run, the test set or noise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subject {
    pub(crate) name: String,
    cells: Vec<(&'static str, Estimate)>,
    /// Mean KL divergence of each latent dimension, for JSON.
    pub(crate) kl_by_dimension: Option<Vec<f64>>,
}

impl Subject {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Subject { name: name.into(), ..Subject::default() }
    }

    /// Adds a score to this subject.
    ///
    /// # Panics
    /// If no score has this key.
    #[track_caller]
    pub(crate) fn note(&mut self, key: &'static str, figure: impl Into<Estimate>) {
        assert!(FIGURES.iter().any(|figure| figure.key == key), "no figure {key}");
        self.cells.push((key, figure.into()));
    }

    /// Returns true if the subject has a score of how likely it makes the test images.
    pub(crate) fn has_likelihood(&self) -> bool {
        FIGURES.iter().any(|figure| figure.group == BOUNDS && self.cell(figure.key).is_some())
    }

    fn cell(&self, key: &str) -> Option<Estimate> {
        self.cells.iter().find(|(own, _)| *own == key).map(|(_, cell)| *cell)
    }

    fn json(&self) -> Value {
        let mut figures = Map::new();
        for (key, cell) in &self.cells {
            // JSON has no infinity, so an infinite error is left out.
            let value = match cell.error.is_finite() {
                true => json!({ "value": cell.value, "error": cell.error }),
                false => json!({ "value": cell.value }),
            };
            figures.insert((*key).to_owned(), value);
        }
        let mut subject = json!({ "name": self.name, "figures": figures });
        if let Some(kl) = &self.kl_by_dimension {
            subject["kl_by_dimension"] = json!(kl);
        }
        subject
    }
}

/// Subjects that are compared with one another.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    /// Heading, such as "mnist, 28x28".
    pub(crate) title: String,
    /// Notes that explain the scores.
    pub(crate) notes: Vec<String>,
    /// How well the judge of images knows its task. Points have no judge.
    pub(crate) judge: Option<Skill>,
    pub(crate) subjects: Vec<Subject>,
}

impl Comparison {
    pub(crate) fn json(&self) -> Value {
        let subjects: Vec<Value> = self.subjects.iter().map(Subject::json).collect();
        let mut comparison = json!({ "title": self.title, "notes": self.notes, "subjects": subjects });
        if let Some(judge) = &self.judge {
            comparison["judge"] = judge.json();
        }
        comparison
    }

    /// Returns Markdown tables of the scores that at least one subject has. Columns are aligned, so
    /// that the text is readable in a terminal too. If the judge is unreliable, a line under each
    /// table that needs it says so.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("## {}\n", self.title);
        for note in &self.notes {
            text.push_str(&format!("\n{note}\n"));
        }
        let mut groups: Vec<&str> = FIGURES.iter().map(|figure| figure.group).collect();
        groups.dedup();
        for group in groups {
            let known = |figure: &&Figure| self.subjects.iter().any(|s| s.cell(figure.key).is_some());
            let figures: Vec<&Figure> = FIGURES.iter().filter(|f| f.group == group).filter(known).collect();
            if figures.is_empty() {
                continue;
            }
            let mut rows = vec![vec![group.to_owned()]];
            rows[0].extend(figures.iter().map(|figure| figure.heading.to_owned()));
            // A subject without scores in this table has no row.
            for subject in &self.subjects {
                let cells: Vec<String> =
                    figures.iter().map(|figure| written(figure, subject.cell(figure.key))).collect();
                if cells.iter().any(|cell| !cell.is_empty()) {
                    rows.push([vec![subject.name.clone()], cells].concat());
                }
            }
            text.push_str(&format!("\n{}", aligned(&rows)));
            let problem = self.judge.as_ref().and_then(Skill::problem);
            if let Some(problem) = problem.filter(|_| JUDGED.contains(&group)) {
                text.push_str(&format!("\nUnreliable: the judge is not good enough, {problem}.\n"));
            }
        }
        text
    }
}

fn written(figure: &Figure, cell: Option<Estimate>) -> String {
    let Some(Estimate { value, error }) = cell else { return String::new() };
    let number = |x: f64| format!("{:.*}", figure.digits, figure.scale * x);
    // An error that rounds to 0 is written as an upper bound, such as `<0.1`, because 0 would mean
    // certainty.
    let least = 0.1f64.powi(figure.digits as i32) / figure.scale;
    match error {
        error if !error.is_finite() => number(value),
        error if 0.0 < error && error < 0.5 * least => format!("{} ± <{}", number(value), number(least)),
        error => format!("{} ± {}", number(value), number(error)),
    }
}

/// Formats a Markdown table whose columns are as wide as their widest cell.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows[0].len();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &[String]| {
        let cells = row.iter().zip(&widths).enumerate().map(|(i, (cell, &width))| {
            let blank = " ".repeat(width - cell.chars().count());
            if i == 0 { format!("{cell}{blank}") } else { format!("{blank}{cell}") }
        });
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule = widths.iter().enumerate().map(|(i, &width)| {
        if i == 0 { "-".repeat(width) } else { format!("{}:", "-".repeat(width.max(2) - 1)) }
    });
    let rule = format!("| {} |\n", rule.collect::<Vec<_>>().join(" | "));
    let (head, body) = rows.split_first().expect("a heading");
    line(head) + &rule + &body.iter().map(|row| line(row)).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judges::ImageTask;

    #[test]
    fn tables_hold_what_is_known_and_no_more() {
        let mut data = Subject::new("test set");
        data.note("frechet", 0.123);
        let mut run = Subject::new("runs/a");
        run.note("frechet", 12.5);
        run.note("kernel", Estimate { value: 0.00123, error: 0.0004 });
        run.note("elbo", -100.0);
        let comparison = Comparison {
            title: "glyphs, 28x28".into(),
            notes: vec!["A note.".into()],
            judge: None,
            subjects: vec![data, run],
        };
        let want = "\
## glyphs, 28x28

A note.

| in the judge's features | Fréchet ↓ | kernel ×1000 ↓ |
| ----------------------- | --------: | -------------: |
| test set                |     0.123 |                |
| runs/a                  |    12.500 |    1.23 ± 0.40 |

| likelihood, in nats per image |  ELBO ↑ |
| ----------------------------- | ------: |
| runs/a                        | -100.00 |
";
        assert_eq!(comparison.markdown(), want);
        let json = comparison.json();
        assert_eq!(json["subjects"][1]["figures"]["kernel"], json!({ "value": 0.00123, "error": 0.0004 }));
        assert_eq!(json["subjects"][0]["figures"].as_object().map(Map::len), Some(1));
    }

    /// The line is under the table that needs the judge, and not under the others.
    #[test]
    fn scores_of_an_unreliable_judge_are_marked() {
        let mut run = Subject::new("run");
        run.note("frechet", 1.0);
        run.note("sharpness", 2.0);
        let mut comparison =
            Comparison { title: "set".into(), notes: vec![], judge: None, subjects: vec![run] };
        let mut marked = |accuracy: f64| {
            comparison.judge = Some(Skill::new(ImageTask::Rotations, accuracy, 0.625));
            let (text, json) = (comparison.markdown(), comparison.json());
            let judge = json!({ "task": "rotations", "accuracy": accuracy, "required_accuracy": 0.625,
                "reliable": accuracy >= 0.625 });
            assert_eq!(json["judge"], judge);
            text
        };
        assert!(!marked(0.625).contains("Unreliable"));
        let text = marked(0.5);
        let line = "Unreliable: the judge is not good enough, its accuracy of 50.00 % is below the required 62.50 %.";
        let parts: Vec<&str> = text.trim_end().split("\n\n").collect();
        assert_eq!((parts.len(), parts[2]), (4, line), "{text}");
        assert!(parts[1].contains("Fréchet") && parts[3].contains("sharpness"), "{text}");
    }

    #[test]
    fn errors_too_small_for_the_digits_are_not_written_as_none() {
        let error = |key: &str, error: f64| {
            let figure = FIGURES.iter().find(|figure| figure.key == key).unwrap();
            written(figure, Some(Estimate { value: 0.5, error }))
        };
        // A tenth of a per cent is the last digit.
        assert_eq!(error("confident", 0.000_49), "50.0 ± <0.1");
        assert_eq!(error("confident", 0.000_51), "50.0 ± 0.1");
        assert_eq!(error("confident", 0.0), "50.0 ± 0.0");
        assert_eq!(error("kernel", 0.000_004), "500.00 ± <0.01");
        assert_eq!(error("frechet", 0.000_6), "0.500 ± 0.001");
    }

    #[test]
    fn keys_are_each_there_once() {
        for (i, figure) in FIGURES.iter().enumerate() {
            assert!(FIGURES[..i].iter().all(|other| other.key != figure.key), "{}", figure.key);
        }
    }
}
