//! The curves of a run as an SVG picture: panels one above the other, each of a few named figures over the steps.
//!
//! Every curve is drawn twice, thin as logged and thick as a moving average. The two colours come from the palette of Okabe
//! and Ito, which people with any colour vision can tell apart. This is no plotting library: it draws what trainers log.

mod axis;
mod series;
mod svg;

use self::axis::{Axis, number};
use self::series::{Points, extract, smooth, thin, value_range};
use self::svg::Svg;
use crate::metrics::Record;

/// A logged figure that is shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curve {
    /// Its key in metrics.jsonl.
    pub key: &'static str,
    /// Its name in plots and in the progress bar.
    pub label: &'static str,
}

/// One coordinate system.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Panel {
    /// What stands above it.
    pub title: &'static str,
    /// Its curves, at most four.
    pub curves: &'static [Curve],
    /// The values it shows; by default those of the curves.
    pub range: Option<(f64, f64)>,
    /// A value to compare with, drawn dashed, and its name.
    pub reference: Option<(f64, &'static str)>,
}

/// What every adversarial trainer shows.
pub const ADVERSARIAL: &[Panel] = &[
    Panel {
        title: "Losses",
        curves: &[Curve { key: "loss_d", label: "loss D" }, Curve { key: "loss_g", label: "loss G" }],
        range: None,
        reference: None,
    },
    Panel {
        title: "What D takes for real",
        curves: &[Curve { key: "d_real", label: "D(x)" }, Curve { key: "d_fake", label: "D(G(z))" }],
        range: Some((0.0, 1.0)),
        reference: Some((0.5, "1/2: can\u{2019}t tell")),
    },
];

/// Of Okabe and Ito: blue, vermilion, green, purple.
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];
/// All lengths are in pixels, downwards and to the right.
const WIDTH: f64 = 900.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH - 28.0;
const FIRST_PANEL: f64 = 80.0;
const PANEL_HEIGHT: f64 = 220.0;
const PANEL_PITCH: f64 = 284.0;
const BELOW: f64 = 62.0;

/// Draws the panels of a run. The bytes depend on the arguments alone.
pub fn draw(title: &str, panels: &[Panel], records: &[Record]) -> String {
    let bottom = FIRST_PANEL + panels.len() as f64 * PANEL_PITCH - (PANEL_PITCH - PANEL_HEIGHT);
    let mut svg = Svg::new(WIDTH, bottom + BELOW);
    svg.text("title", (LEFT, 34.0), title);
    let last =
        records.iter().filter_map(|record| record.get("step")).fold(1.0, |last: f64, &step| last.max(step));
    let steps = Axis::new((0.0, last), (LEFT, RIGHT), 8).whole();
    for (i, panel) in panels.iter().enumerate() {
        let top = FIRST_PANEL + i as f64 * PANEL_PITCH;
        let raw: Vec<Points> = panel.curves.iter().map(|curve| extract(records, curve.key)).collect();
        Frame { panel, top, steps: &steps }.draw(&mut svg, &format!("panel{i}"), &raw);
    }
    svg.text("middle", ((LEFT + RIGHT) / 2.0, bottom + 46.0), "step");
    svg.finish()
}

/// A panel at its place.
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
            None => Axis::new(value_range(raw, &smoothed), pixels, 5).to_ticks(),
        };
        self.legend(svg, &smoothed);
        self.grid(svg, &values);
        svg.clipped(name, (LEFT, self.top - 2.0), (RIGHT + 2.0, self.bottom() + 2.0), |svg| {
            self.curves(svg, "raw", raw, 600, &values);
            self.reference(svg, &values);
            self.curves(svg, "smooth", &smoothed, 200, &values);
        });
        if raw.iter().all(Vec::is_empty) {
            let middle = ((LEFT + RIGHT) / 2.0, (self.top + self.bottom()) / 2.0);
            svg.text("middle", middle, "nothing logged yet");
        }
    }

    fn curves(&self, svg: &mut Svg, class: &str, curves: &[Points], bins: usize, values: &Axis) {
        for (points, colour) in curves.iter().zip(COLOURS) {
            let place = |(step, value)| (self.steps.at(step), values.at(value));
            let points: Points = thin(points, bins).into_iter().map(place).collect();
            svg.polyline(class, colour, &points);
        }
    }

    /// The title on the left; on the right each curve's colour, name and last smoothed value.
    fn legend(&self, svg: &mut Svg, smoothed: &[Points]) {
        let y = self.top - 14.0;
        svg.text("panel", (LEFT, y), self.panel.title);
        let shown =
            self.panel.curves.iter().zip(smoothed).zip(COLOURS).filter(|((_, points), _)| !points.is_empty());
        let mut x = RIGHT;
        for ((curve, points), colour) in shown.collect::<Vec<_>>().into_iter().rev() {
            let text = format!("{}  {}", curve.label, number(points[points.len() - 1].1, 2));
            svg.text("end", (x, y), &text);
            x -= 7.2 * text.chars().count() as f64 + 8.0;
            svg.polyline("smooth", colour, &[(x - 22.0, y - 4.5), (x, y - 4.5)]);
            x -= 22.0 + 26.0;
        }
    }

    fn grid(&self, svg: &mut Svg, values: &Axis) {
        for (y, text) in values.ticks() {
            svg.line("grid", (LEFT, y), (RIGHT, y));
            svg.text("end", (LEFT - 9.0, y + 4.5), &text);
        }
        for (x, text) in self.steps.ticks() {
            svg.line("grid", (x, self.top), (x, self.bottom()));
            svg.text("middle", (x, self.bottom() + 20.0), &text);
        }
        svg.line("axis", (LEFT, self.bottom()), (RIGHT, self.bottom()));
    }

    fn reference(&self, svg: &mut Svg, values: &Axis) {
        if let Some((value, name)) = self.panel.reference {
            let y = values.at(value);
            svg.line("reference", (LEFT, y), (RIGHT, y));
            svg.text("end", (RIGHT - 6.0, y - 6.0), name);
        }
    }
}
