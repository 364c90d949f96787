//! The curves of a run as an SVG picture of stacked panels. Each panel shows a few logged numbers
//! over the steps.
//!
//! Every curve is drawn twice: a thin line shows the logged numbers, and a thick line shows their
//! moving average. The colours are from the palette of Okabe and Ito, which people with any colour
//! vision can distinguish. docs/design/plots.md explains why no plotting library is used.

mod axis;
mod series;
mod svg;

use self::axis::{Axis, number};
use self::series::{MAX_VALUE, Points, smooth, thin, value_range};
use self::svg::Svg;
use crate::image::Image;
use crate::log::{Line, Record};
use crate::output::{Described, Output, Training};
use crate::{Error, disk};
use std::path::PathBuf;

/// Name of the file of the curves.
const NAME: &str = "losses.svg";

/// A logged number that is shown to the user, as a curve and in the progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curve {
    /// Its key in metrics.jsonl.
    pub key: &'static str,
    /// Its name in plots and in the progress bar.
    pub label: &'static str,
}

/// One coordinate system with its curves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Panel {
    /// The title above the panel.
    pub title: &'static str,
    /// Its curves, at most four.
    pub curves: &'static [Curve],
    /// The range of values that is shown. `None` stands for the range of the curves.
    pub range: Option<(f64, f64)>,
    /// A reference value, which is drawn as a dashed line, and its name.
    pub reference: Option<(f64, &'static str)>,
}

/// The panels of every adversarial trainer.
pub const ADVERSARIAL: &[Panel] = &[
    Panel {
        title: "Losses",
        curves: &[Curve { key: "loss_d", label: "loss D" }, Curve { key: "loss_g", label: "loss G" }],
        range: None,
        reference: None,
    },
    Panel {
        title: "D\u{2019}s belief that it sees data",
        curves: &[Curve { key: "d_real", label: "D(x)" }, Curve { key: "d_fake", label: "D(G(z))" }],
        range: Some((0.0, 1.0)),
        reference: Some((0.5, "1/2: D can\u{2019}t tell")),
    },
];

/// The panels of a variational autoencoder.
pub const VARIATIONAL: &[Panel] = &[
    Panel {
        title: "Loss, nats per image",
        curves: &[
            Curve { key: "loss", label: "loss" },
            Curve { key: "reconstruction", label: "\u{2212}log p(x|z)" },
        ],
        range: None,
        reference: None,
    },
    Panel {
        title: "Divergence of q(z|x) from p(z), nats per image",
        curves: &[Curve { key: "kl", label: "KL" }],
        range: None,
        reference: None,
    },
];

/// The panels of a plain autoencoder, which has no KL divergence.
pub const RECONSTRUCTION: &[Panel] = VARIATIONAL.split_at(1).0;

/// Width of the picture. This and the following lengths are in pixels. Coordinates increase
/// downwards and to the right.
const WIDTH: f64 = 900.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH - 28.0;
const FIRST_PANEL: f64 = 80.0;
const PANEL_HEIGHT: f64 = 220.0;
const PANEL_PITCH: f64 = 284.0;
const BELOW: f64 = 62.0;
/// A curve with fewer points than this also has a dot at each logged point.
const FEW: usize = 30;

/// The logged numbers that the panels of a run show, over the steps.
#[derive(Debug)]
pub(crate) struct History {
    panels: &'static [Panel],
    /// A list of points for each curve of each panel.
    curves: Vec<Vec<Points>>,
    /// The last step.
    last: f64,
}

impl History {
    /// Creates the history of a run without logged numbers.
    pub(crate) fn new(panels: &'static [Panel]) -> Self {
        let curves = panels.iter().map(|panel| vec![vec![]; panel.curves.len()]).collect();
        Self { panels, curves, last: 1.0 }
    }

    /// Adds the numbers of a line of metrics.jsonl. Lines must be added in their order.
    pub(crate) fn add(&mut self, record: &Record) {
        let Some(&step) = record.get("step") else { return };
        self.last = self.last.max(step);
        for (panel, curves) in self.panels.iter().zip(&mut self.curves) {
            for (curve, points) in panel.curves.iter().zip(curves) {
                points.extend(record.get(curve.key).map(|value| (step, value.clamp(-MAX_VALUE, MAX_VALUE))));
            }
        }
    }

    /// Draws the panels. The bytes depend only on the title and the added lines.
    pub(crate) fn svg(&self, title: &str) -> String {
        let bottom = FIRST_PANEL + self.panels.len() as f64 * PANEL_PITCH - (PANEL_PITCH - PANEL_HEIGHT);
        let mut svg = Svg::new(WIDTH, bottom + BELOW);
        svg.text("title", (LEFT, 34.0), title);
        let steps = Axis::new((0.0, self.last), (LEFT, RIGHT), 8).whole();
        for (i, (panel, raw)) in self.panels.iter().zip(&self.curves).enumerate() {
            let top = FIRST_PANEL + i as f64 * PANEL_PITCH;
            Frame { panel, top, steps: &steps }.draw(&mut svg, &format!("panel{i}"), raw);
        }
        svg.text("middle", ((LEFT + RIGHT) / 2.0, bottom + 46.0), "step");
        svg.text("end note", (RIGHT, bottom + 46.0), "thin: as logged, thick: moving average");
        svg.finish()
    }
}

impl Output for History {
    fn files(&self, training: &Training) -> Vec<PathBuf> {
        vec![training.run.file(NAME)]
    }

    fn log(&mut self, line: &Line) -> Result<(), Error> {
        self.add(&line.record);
        Ok(())
    }

    fn draw(&mut self, training: &Training, _pictures: &[(&'static str, Image)]) -> Result<(), Error> {
        let svg = self.svg(&training.title);
        disk::write_file(&training.run.file(NAME), |out| out.write_all(svg.as_bytes()))
    }

    fn finish(&mut self, training: &Training) -> Result<Vec<Described>, Error> {
        Ok(vec![(training.run.file(NAME), "curves".to_owned())])
    }
}

/// A panel and its position.
struct Frame<'a> {
    panel: &'a Panel,
    top: f64,
    steps: &'a Axis,
}

impl Frame<'_> {
    fn bottom(&self) -> f64 {
        self.top + PANEL_HEIGHT
    }

    fn draw(&self, svg: &mut Svg, name: &str, raw: &[Points]) {
        let smoothed: Vec<Points> = raw.iter().map(|points| smooth(points)).collect();
        let pixels = (self.bottom(), self.top);
        let values = match self.panel.range {
            Some(range) => Axis::new(range, pixels, 5),
            None => Axis::new(value_range(raw, &smoothed), pixels, 5).rounded(),
        };
        self.legend(svg, &smoothed);
        self.grid(svg, &values);
        svg.clipped(name, (LEFT, self.top - 2.0), (RIGHT + 4.0, self.bottom() + 2.0), |svg| {
            self.curves(svg, "raw", raw, 600, &values);
            self.curves(svg, "smooth", &smoothed, 200, &values);
        });
        if let Some((value, _)) = self.panel.reference {
            svg.line("reference", &[(LEFT, values.at(value)), (RIGHT, values.at(value))]);
        }
        if raw.iter().all(Vec::is_empty) {
            let middle = ((LEFT + RIGHT) / 2.0, (self.top + self.bottom()) / 2.0);
            svg.text("middle", middle, "nothing logged yet");
        }
    }

    fn curves(&self, svg: &mut Svg, class: &str, curves: &[Points], bins: usize, values: &Axis) {
        for (i, points) in curves.iter().enumerate() {
            let place = |(step, value)| (self.steps.at(step), values.at(value));
            let points: Points = thin(points, bins).into_iter().map(place).collect();
            svg.line(&format!("{class} curve{i}"), &points);
            if class == "raw" && points.len() < FEW {
                points.iter().for_each(|point| svg.line(&format!("dot curve{i}"), &[*point]));
            }
        }
    }

    /// Draws the title on the left and the legend on the right. The legend has the name of the
    /// reference, and the name and the last smoothed value of each curve. Each entry has a sample
    /// of its line.
    fn legend(&self, svg: &mut Svg, smoothed: &[Points]) {
        let y = self.top - 14.0;
        svg.text("panel", (LEFT, y), self.panel.title);
        let reference = self.panel.reference.map(|(_, name)| ("reference".to_owned(), name.to_owned()));
        let entries =
            self.panel.curves.iter().zip(smoothed).enumerate().filter_map(|(i, (curve, points))| {
                let text = format!("{} {}", curve.label, number(points.last()?.1, 2));
                Some((format!("smooth curve{i}"), text))
            });
        let mut x = RIGHT;
        for (class, text) in reference.into_iter().chain(entries).collect::<Vec<_>>().iter().rev() {
            x -= 7.5 * text.chars().count() as f64;
            svg.text("", (x, y), text);
            svg.line(class, &[(x - 30.0, y - 4.5), (x - 8.0, y - 4.5)]);
            x -= 30.0 + 22.0;
        }
    }

    fn grid(&self, svg: &mut Svg, values: &Axis) {
        for (y, text) in values.ticks() {
            svg.line("grid", &[(LEFT, y), (RIGHT, y)]);
            svg.text("end", (LEFT - 9.0, y + 4.5), &text);
        }
        for (x, text) in self.steps.ticks() {
            svg.line("grid", &[(x, self.top), (x, self.bottom())]);
            svg.text("middle", (x, self.bottom() + 20.0), &text);
        }
        svg.line("axis", &[(LEFT, self.bottom()), (RIGHT, self.bottom())]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws `n` records, whose numbers `values` returns.
    fn picture<const N: usize>(
        title: &str,
        n: u64,
        values: impl Fn(u64) -> [(&'static str, f64); N],
    ) -> String {
        let mut history = History::new(ADVERSARIAL);
        for i in 1..=n {
            let record = values(i).into_iter().chain([("step", 10.0 * i as f64)]);
            history.add(&record.map(|(key, value)| (key.to_owned(), value)).collect());
        }
        history.svg(title)
    }

    fn losses(i: u64) -> [(&'static str, f64); 3] {
        [("loss_d", i % 7), ("loss_g", i), ("d_real", i % 2)].map(|(key, value)| (key, value as f64))
    }

    /// Returns the points of each line of an SVG class.
    fn lines(svg: &str, class: &str) -> Vec<Vec<(f64, f64)>> {
        let start = format!("<polyline class=\"{class}");
        let points = svg.lines().filter(|line| line.starts_with(&start));
        let point =
            |text: &str| text.split_once(',').map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap())).unwrap();
        points.map(|line| line.split('"').nth(3).unwrap().split(' ').map(point).collect()).collect()
    }

    #[test]
    fn every_curve_is_drawn_inside_of_its_panel() {
        let svg = picture("a <b> & c", 1000, losses);
        assert!(svg.contains("a &lt;b&gt; &amp; c") && svg.ends_with("</svg>\n"));
        // d_fake was never logged; each legend has a sample line for every logged curve.
        assert_eq!((lines(&svg, "raw").len(), lines(&svg, "smooth").len()), (3, 3 + 3));
        for (i, line) in lines(&svg, "raw").iter().enumerate() {
            let top = FIRST_PANEL + if i < 2 { 0.0 } else { PANEL_PITCH };
            assert!(line.len() <= 1200);
            assert!(line.iter().all(|&(x, _)| (LEFT..=RIGHT).contains(&x)));
            assert!(line.iter().all(|&(_, y)| (top - 10.0..=top + PANEL_HEIGHT).contains(&y)), "{line:?}");
        }
        // D(x) alternates between 0 and 1.
        let (top, bottom) = (FIRST_PANEL + PANEL_PITCH, FIRST_PANEL + PANEL_PITCH + PANEL_HEIGHT);
        assert!(lines(&svg, "raw")[2].iter().all(|&(_, y)| y == top || y == bottom));
        // First the sample line in the legend, then the line at 1/2 across the panel.
        let half = FIRST_PANEL + PANEL_PITCH + PANEL_HEIGHT / 2.0;
        assert_eq!(lines(&svg, "reference")[1..], [[(LEFT, half), (RIGHT, half)]]);
        assert!(svg.contains(">1/2: D can\u{2019}t tell</text>"));
    }

    #[test]
    fn nothing_and_little_can_be_drawn_too() {
        let empty = picture("x", 0, losses);
        assert_eq!(empty.matches("nothing logged yet").count(), 2);
        let single = picture("x", 1, losses);
        assert_eq!(lines(&single, "dot").len(), 3);
        assert!(!single.contains("NaN") && !single.contains("inf"));
    }

    /// Any finite number can be logged, alone or between other numbers.
    #[test]
    fn extreme_values_can_be_drawn_too() {
        for value in [f64::MAX, 1e300, 2.0_f64.powi(63), 2.0_f64.powi(53), 1e-310, 5e-324, 0.0] {
            for others in [value, -value, 1.0, value.next_down()] {
                for n in [1, 2, 3, 400] {
                    let svg = picture("x", n, |i| {
                        let value = if i % 3 == 1 { value } else { others };
                        [("loss_d", value), ("loss_g", -value), ("d_real", value)]
                    });
                    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{value} and {others}, {n} times");
                    assert!(svg.len() < 100_000, "{value} and {others}: {} bytes", svg.len());
                    let of_losses: Vec<_> = lines(&svg, "raw").into_iter().take(2).flatten().collect();
                    let panel = FIRST_PANEL - 10.0..=FIRST_PANEL + PANEL_HEIGHT + 10.0;
                    assert!(
                        n > 3 || of_losses.iter().all(|(_, y)| panel.contains(y)),
                        "{value}, {others}: {of_losses:?}"
                    );
                }
            }
        }
    }
}
