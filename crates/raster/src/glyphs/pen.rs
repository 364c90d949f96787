//! The pen: computes the smooth path along a skeleton, and the position of this path on the page.
//! The module `ink` computes the pixels.

use super::factors::Factors;
use super::hand::{Knot, MOST_PRESSURE, Skeleton};

/// The image size of MNIST, to which the lengths in [`Factors`] refer.
const PAGE: f32 = 28.0;
/// The size of the box that a digit fills in an MNIST image.
const BOX: f32 = 20.0;
/// The smallest distance of the ink from the edge of the page, in pixels of a 28x28 image.
const MARGIN: f32 = 1.3;

/// Places `skeleton` on a square page of `size` x `size` pixels. Returns one polyline for each arc
/// between corners.
pub(super) fn draw(mut skeleton: Skeleton, factors: &Factors, size: usize) -> Vec<Vec<Knot>> {
    transform(&mut skeleton, factors);
    // A span of the spline is about 4 pixels long in a 28x28 image. Pieces of about one pixel look
    // round at every image size.
    let steps = size.div_ceil(8).max(3);
    let mut path: Vec<Vec<Knot>> = skeleton
        .iter()
        .flat_map(|stroke| stroke.chunk_by(|a, b| (a.x, a.y) != (b.x, b.y)))
        .map(|arc| trace(arc, steps))
        .collect();
    place(&mut path, factors, size);
    path
}

/// Applies the aspect, then the slant, then the rotation.
fn transform(skeleton: &mut Skeleton, factors: &Factors) {
    let (sin, cos) = sin_cos(factors.rotation);
    for knot in skeleton.iter_mut().flatten() {
        let x = factors.aspect * knot.x - factors.slant * knot.y;
        (knot.x, knot.y) = (cos * x - sin * knot.y, sin * x + cos * knot.y);
    }
}

/// Returns the sine and the cosine from their Taylor series, with an error of at most 1e-5 for
/// angles between -0.5 and 0.5. Glyphs must have the same bits on every machine. The functions of
/// the platform may differ in the last bit between machines.
fn sin_cos(angle: f32) -> (f32, f32) {
    let square = angle * angle;
    let sin = angle * (1.0 - square / 6.0 * (1.0 - square / 20.0));
    let cos = 1.0 - square / 2.0 * (1.0 - square / 12.0 * (1.0 - square / 30.0));
    (sin, cos)
}

/// Samples the uniform cubic B-spline of `knots` from the first to the last, with `steps` points
/// per span.
///
/// A B-spline has continuous curvature and rounds off its control polygon, as a moving arm does. A
/// spline through the knots would bulge at every wobble. At each end, a mirrored extra knot makes
/// the path start at the first knot and end at the last knot. `place` converts the result to
/// pixels.
fn trace(knots: &[Knot], steps: usize) -> Vec<Knot> {
    let end = knots.len() - 1;
    let mut padded = Vec::with_capacity(knots.len() + 2);
    padded.push(mirror(knots[0], knots[1]));
    padded.extend_from_slice(knots);
    padded.push(mirror(knots[end], knots[end - 1]));

    let mut dots = Vec::with_capacity(end * steps + 1);
    for window in padded.windows(4) {
        dots.extend((0..steps).map(|step| blend(window, step as f32 / steps as f32)));
    }
    dots.push(knots[end]);
    dots
}

fn mirror(end: Knot, inner: Knot) -> Knot {
    Knot { x: 2.0 * end.x - inner.x, y: 2.0 * end.y - inner.y, radius: 2.0 * end.radius - inner.radius }
}

/// Returns a point of the span between the two middle knots of `window`, which has four knots. `t`,
/// in `[0, 1]`, is the position on the span.
fn blend(window: &[Knot], t: f32) -> Knot {
    let s = 1.0 - t;
    let basis =
        [s * s * s, 4.0 - 3.0 * t * t * (1.0 + s), 4.0 - 3.0 * s * s * (1.0 + t), t * t * t].map(|b| b / 6.0);
    let mut dot = Knot { x: 0.0, y: 0.0, radius: 0.0 };
    for (knot, weight) in window.iter().zip(basis) {
        dot.x += weight * knot.x;
        dot.y += weight * knot.y;
        dot.radius += weight * knot.radius;
    }
    dot
}

/// Scales the path so that its ink fits the box. Moves the centre of mass of the path to the centre
/// of the page plus the shift, as in MNIST. The shift is limited so that no ink leaves the page.
fn place(path: &mut [Vec<Knot>], factors: &Factors, size: usize) {
    let (size, unit) = (size as f32, size as f32 / PAGE);
    let [width, height] = [extent(path, |dot| dot.x), extent(path, |dot| dot.y)];
    let room = unit * (BOX * factors.scale - factors.stroke_width).max(1.0);
    let zoom = room / (width[1] - width[0]).max(height[1] - height[0]).max(1e-3);
    let margin = unit * (factors.stroke_width * MOST_PRESSURE / 2.0 + MARGIN);
    let offset = |centre: f32, shift: f32, [low, high]: [f32; 2]| {
        let wanted = size / 2.0 + unit * shift - zoom * centre;
        wanted.max(margin - zoom * low).min(size - margin - zoom * high)
    };
    let (centre_x, centre_y) = centre_of_mass(path);
    let (offset_x, offset_y) =
        (offset(centre_x, factors.shift_x, width), offset(centre_y, factors.shift_y, height));
    for dot in path.iter_mut().flatten() {
        dot.x = zoom * dot.x + offset_x;
        dot.y = zoom * dot.y + offset_y;
        dot.radius *= unit * factors.stroke_width / 2.0;
    }
}

/// The smallest and the largest coordinate of a path along an axis.
fn extent(path: &[Vec<Knot>], coordinate: fn(&Knot) -> f32) -> [f32; 2] {
    let coordinates = path.iter().flatten().map(coordinate);
    coordinates.fold([f32::MAX, f32::MIN], |[low, high], x| [low.min(x), high.max(x)])
}

/// Returns the mean position of the ink. Each piece of the path is weighted with the product of its
/// length and its width.
fn centre_of_mass(path: &[Vec<Knot>]) -> (f32, f32) {
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
