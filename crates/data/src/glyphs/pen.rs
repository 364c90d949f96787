//! The pen: the smooth path through a skeleton, and where it lies on the page. No pixels yet.

use super::factors::Factors;
use super::hand::{Knot, MOST_PRESSURE, Skeleton};

/// A point of the pen's path, in pixels of the image, with the radius of the ink there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Dot {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) radius: f32,
}

/// The image that [`Factors`] count pixels in, and the box in it that a digit fills: MNIST's.
const PAGE: f32 = 28.0;
const BOX: f32 = 20.0;
/// Paper around the ink that is never written on.
const MARGIN: f32 = 1.3;

/// Lays `skeleton` on a square page of `size` pixels: one polyline for each arc between corners.
pub(super) fn draw(mut skeleton: Skeleton, factors: &Factors, size: usize) -> Vec<Vec<Dot>> {
    lean(&mut skeleton, factors);
    // A span of the spline is about 4 pixels of 28 long; pieces of about a pixel look round at
    // every size.
    let steps = size.div_ceil(8).max(3);
    let mut path: Vec<Vec<Dot>> = skeleton
        .iter()
        .flat_map(|stroke| stroke.chunk_by(|a, b| (a.x, a.y) != (b.x, b.y)))
        .map(|arc| trace(arc, steps))
        .collect();
    place(&mut path, factors, size);
    path
}

/// Aspect, then slant, then rotation.
fn lean(skeleton: &mut Skeleton, factors: &Factors) {
    let (sin, cos) = sin_cos(factors.rotation);
    for knot in skeleton.iter_mut().flatten() {
        let x = factors.aspect * knot.x - factors.slant * knot.y;
        (knot.x, knot.y) = (cos * x - sin * knot.y, sin * x + cos * knot.y);
    }
}

/// Sine and cosine from their Taylor series, good to 1e-5 within ±0.5. The platform's own may
/// differ in the last bit from machine to machine, and glyphs may not.
fn sin_cos(angle: f32) -> (f32, f32) {
    let square = angle * angle;
    let sin = angle * (1.0 - square / 6.0 * (1.0 - square / 20.0));
    let cos = 1.0 - square / 2.0 * (1.0 - square / 12.0 * (1.0 - square / 30.0));
    (sin, cos)
}

/// Samples the uniform cubic B-spline of `knots` from the first to the last, `steps` points to a
/// span.
///
/// A B-spline has continuous curvature and rounds off its control polygon, as a moving arm does; a
/// spline through the knots would bulge at every wobble. A phantom knot mirrored past either end
/// makes it start and stop on the knots. The radius of the dots is still the pressure.
fn trace(knots: &[Knot], steps: usize) -> Vec<Dot> {
    let end = knots.len() - 1;
    let mut padded = Vec::with_capacity(knots.len() + 2);
    padded.push(mirror(knots[0], knots[1]));
    padded.extend_from_slice(knots);
    padded.push(mirror(knots[end], knots[end - 1]));

    let mut dots = Vec::with_capacity(end * steps + 1);
    for window in padded.windows(4) {
        dots.extend((0..steps).map(|step| blend(window, step as f32 / steps as f32)));
    }
    dots.push(Dot { x: knots[end].x, y: knots[end].y, radius: knots[end].pressure });
    dots
}

fn mirror(end: Knot, inner: Knot) -> Knot {
    Knot { x: 2.0 * end.x - inner.x, y: 2.0 * end.y - inner.y, pressure: 2.0 * end.pressure - inner.pressure }
}

/// The point at `t` in `[0, 1]` of the span between the two middle knots of a window of four.
fn blend(window: &[Knot], t: f32) -> Dot {
    let s = 1.0 - t;
    let basis =
        [s * s * s, 4.0 - 3.0 * t * t * (1.0 + s), 4.0 - 3.0 * s * s * (1.0 + t), t * t * t].map(|b| b / 6.0);
    let mut dot = Dot { x: 0.0, y: 0.0, radius: 0.0 };
    for (knot, weight) in window.iter().zip(basis) {
        dot.x += weight * knot.x;
        dot.y += weight * knot.y;
        dot.radius += weight * knot.pressure;
    }
    dot
}

/// Scales the path so that with its ink it fits the box, and moves its centre of mass to the page's
/// centre plus the shift, as MNIST was made; but no ink off the page.
fn place(path: &mut [Vec<Dot>], factors: &Factors, size: usize) {
    let (size, unit) = (size as f32, size as f32 / PAGE);
    let bounds = Bounds::of(path);
    let room = unit * (BOX * factors.scale - factors.stroke_width).max(1.0);
    let zoom = room / bounds.width().max(bounds.height()).max(1e-3);
    let margin = unit * (factors.stroke_width * MOST_PRESSURE / 2.0 + MARGIN);
    let offset = |centre: f32, shift: f32, low: f32, high: f32| {
        let wanted = size / 2.0 + unit * shift - zoom * centre;
        wanted.max(margin - zoom * low).min(size - margin - zoom * high)
    };
    let (centre_x, centre_y) = centre_of_mass(path);
    let offset_x = offset(centre_x, factors.shift_x, bounds.left, bounds.right);
    let offset_y = offset(centre_y, factors.shift_y, bounds.top, bounds.bottom);
    for dot in path.iter_mut().flatten() {
        dot.x = zoom * dot.x + offset_x;
        dot.y = zoom * dot.y + offset_y;
        dot.radius *= unit * factors.stroke_width / 2.0;
    }
}

/// The smallest upright rectangle around a path.
struct Bounds {
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
}

impl Bounds {
    fn of(path: &[Vec<Dot>]) -> Self {
        let empty = Self { left: f32::MAX, right: f32::MIN, top: f32::MAX, bottom: f32::MIN };
        path.iter().flatten().fold(empty, |bounds, dot| Self {
            left: bounds.left.min(dot.x),
            right: bounds.right.max(dot.x),
            top: bounds.top.min(dot.y),
            bottom: bounds.bottom.max(dot.y),
        })
    }

    fn width(&self) -> f32 {
        self.right - self.left
    }

    fn height(&self) -> f32 {
        self.bottom - self.top
    }
}

/// The mean position of the ink: pieces weighted by length times width.
fn centre_of_mass(path: &[Vec<Dot>]) -> (f32, f32) {
    let (mut mass, mut x, mut y) = (f32::MIN_POSITIVE, 0.0, 0.0);
    for piece in path.iter().flat_map(|arc| arc.windows(2)) {
        let (a, b) = (piece[0], piece[1]);
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let ink = (dx * dx + dy * dy).sqrt() * (a.radius + b.radius);
        mass += ink;
        x += ink * (a.x + b.x) / 2.0;
        y += ink * (a.y + b.y) / 2.0;
    }
    (x / mass, y / mass)
}
