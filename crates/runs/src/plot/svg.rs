//! The SVG elements of a plot.

use std::fmt::{Display, Write};

use super::series::Point;

/// The style of all elements: dark on light, curves in the colours of Okabe and Ito (blue,
/// vermilion, green, purple). A viewer without these fonts uses its own.
const STYLE: &str = "\
<style>
text { font: 13px system-ui, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif; fill: #4a5057 }
.title { font-size: 17px; font-weight: 600; fill: #16191d }
.panel { font-size: 14px; font-weight: 600; fill: #16191d }
.end { text-anchor: end }
.middle { text-anchor: middle }
.note { font-size: 12px; fill: #737a82 }
polyline { fill: none; stroke-linejoin: round }
.grid { stroke: #e6e9ed; stroke-width: 1 }
.axis { stroke: #8b929a; stroke-width: 1 }
.reference { stroke: #5b626a; stroke-width: 1.2; stroke-dasharray: 6 4 }
.raw { stroke-width: 0.9; stroke-opacity: 0.32 }
.dot { stroke-width: 6; stroke-linecap: round }
.smooth { stroke-width: 2.2; stroke-linecap: round }
.curve0 { stroke: #0072b2 }
.curve1 { stroke: #d55e00 }
.curve2 { stroke: #009e73 }
.curve3 { stroke: #cc79a7 }
</style>
";

/// A picture that is being drawn.
pub(super) struct Svg(String);

impl Svg {
    /// Creates a white picture.
    pub(super) fn new(width: f64, height: f64) -> Self {
        let size = format!(r#"viewBox="0 0 {width} {height}" width="{width}" height="{height}""#);
        let open = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" {size}>\n");
        Self(open + STYLE + "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n")
    }

    /// Returns the content of the finished file.
    pub(super) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    fn push(&mut self, element: impl Display) {
        writeln!(self.0, "{element}").expect("writing to a string can't fail");
    }

    /// Draws text with its baseline at (x, y).
    pub(super) fn text(&mut self, class: &str, (x, y): Point, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        self.push(format_args!(r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{text}</text>"#));
    }

    /// Draws a line through points, or a dot if there is only one point.
    pub(super) fn line(&mut self, class: &str, points: &[Point]) {
        let Some(&(x, y)) = points.first() else { return };
        // A line of length 0 is drawn as its round cap.
        let mut path = format!("{x:.1},{y:.1}");
        for (x, y) in if points.len() == 1 { points } else { &points[1..] } {
            write!(path, " {x:.1},{y:.1}").expect("writing to a string can't fail");
        }
        self.push(format_args!(r#"<polyline class="{class}" points="{path}"/>"#));
    }

    /// Clips everything that `draw` draws to a rectangle.
    pub(super) fn clipped(&mut self, name: &str, from: Point, to: Point, draw: impl FnOnce(&mut Self)) {
        let ((x, y), (width, height)) = (from, (to.0 - from.0, to.1 - from.1));
        let area = format!(r#"<rect x="{x}" y="{y}" width="{width}" height="{height}"/>"#);
        self.push(format_args!(r#"<clipPath id="{name}">{area}</clipPath>"#));
        self.push(format_args!(r##"<g clip-path="url(#{name})">"##));
        draw(self);
        self.push("</g>");
    }
}
