//! Computes the share of each pixel that the path of the pen covers. This is the only module that
//! computes pixels.

use super::hand::Knot;

/// Radius of the aperture of a pixel, in pixels. The aperture is the area around the centre of the
/// pixel in which ink counts for the pixel. At 0.8, the amount of ink hardly depends on the
/// position of a stroke relative to the pixels or on its direction. A narrower aperture makes the
/// amount of ink vary; a wider aperture blurs the stroke.
const APERTURE: f32 = 0.8;

/// Adds the stroke through `dots` to `coverage`, a `size` by `size` image of values in `[0, 1]`.
///
/// The aperture of a pixel is round and has a tent profile. Across the straight edge of a stroke,
/// the coverage therefore consists of two parabolas: `1/2 + u (1 - |u| / 2)` with `u = depth /
/// APERTURE` clamped to ±1. `depth` is the distance of the centre of the pixel from the edge,
/// positive inside the stroke. Where strokes cross, the larger coverage is used, so crossing
/// strokes are no darker.
pub(super) fn stroke(dots: &[Knot], coverage: &mut [f32], size: usize) {
    for piece in dots.windows(2) {
        segment(piece[0], piece[1], coverage, size);
    }
}

/// Adds one straight piece of a stroke, visiting only the pixels in its bounding box.
fn segment(a: Knot, b: Knot, coverage: &mut [f32], size: usize) {
    let reach = a.radius.max(b.radius) + APERTURE;
    // A cast of a negative number gives 0, so a piece that leaves the page is clipped at the edge.
    let pixels = |low: f32, high: f32| {
        let past = ((high + reach) as usize + 1).min(size);
        ((low - reach) as usize).min(past)..past
    };
    let (columns, rows) = (pixels(a.x.min(b.x), a.x.max(b.x)), pixels(a.y.min(b.y), a.y.max(b.y)));
    let (dx, dy, widening) = (b.x - a.x, b.y - a.y, b.radius - a.radius);
    let per_square_length = 1.0 / (dx * dx + dy * dy).max(f32::MIN_POSITIVE);
    for row in rows {
        let py = row as f32 + 0.5 - a.y;
        let line = &mut coverage[row * size..][columns.clone()];
        for (column, pixel) in columns.clone().zip(line) {
            let px = column as f32 + 0.5 - a.x;
            // The fraction of the length at which the piece is nearest to the centre of the pixel.
            let t = ((px * dx + py * dy) * per_square_length).clamp(0.0, 1.0);
            let (ex, ey) = (px - t * dx, py - t * dy);
            let depth = a.radius + t * widening - (ex * ex + ey * ey).sqrt();
            let u = (depth / APERTURE).clamp(-1.0, 1.0);
            *pixel = pixel.max(0.5 + u * (1.0 - 0.5 * u.abs()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::{FRAC_1_SQRT_2, PI};

    use super::*;

    /// The coverage of a straight stroke with the given slope and radius through the point `at`,
    /// near the middle of a page of 40 x 40 pixels.
    fn line(slope: (f32, f32), at: (f32, f32), radius: f32) -> Vec<f32> {
        let end = |t: f32| Knot { x: at.0 + t * slope.0, y: at.1 + t * slope.1, radius };
        let mut coverage = vec![0.0; 40 * 40];
        stroke(&[end(-10.0), end(0.0), end(10.0)], &mut coverage, 40);
        coverage
    }

    /// With antialiasing, the amount of ink does not depend on the position of the stroke relative
    /// to the pixels.
    #[test]
    fn ink_is_the_area_at_every_position_of_the_stroke() {
        for slope in [(1.0, 0.0), (0.0, 1.0), (0.6, 0.8), (0.8, -0.6), (FRAC_1_SQRT_2, FRAC_1_SQRT_2)] {
            for (radius, tolerance) in [(0.6, 0.05), (1.0, 0.01), (2.3, 0.01)] {
                let area = 20.0 * 2.0 * radius + PI * radius * radius;
                for step in 0..16 {
                    let at = (20.0 + 0.0625 * step as f32, 20.0 + 0.11 * step as f32);
                    let ink: f32 = line(slope, at, radius).iter().sum();
                    assert!(
                        (ink / area - 1.0).abs() < tolerance,
                        "{slope:?} {radius} {at:?}: {ink} for {area}"
                    );
                }
            }
        }
    }

    #[test]
    fn coverage_is_half_at_the_edge_and_whole_within() {
        let coverage = line((0.0, 1.0), (20.0, 20.0), 1.5);
        let row = &coverage[20 * 40 + 17..20 * 40 + 23];
        assert_eq!(row, [0.0, 0.5, 1.0, 1.0, 0.5, 0.0]);
    }

    #[test]
    fn crossing_strokes_are_no_darker() {
        let mut coverage = line((1.0, 0.0), (20.0, 20.0), 1.5);
        let before = coverage.clone();
        let again = [Knot { x: 10.0, y: 20.0, radius: 1.5 }, Knot { x: 30.0, y: 20.0, radius: 1.5 }];
        stroke(&again, &mut coverage, 40);
        assert!(coverage.iter().zip(&before).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn what_leaves_the_page_is_cut() {
        let mut coverage = vec![0.0; 40 * 40];
        let far = |x: f32, y: f32| Knot { x, y, radius: 2.0 };
        stroke(&[far(-30.0, -30.0), far(70.0, 70.0), far(900.0, 5.0)], &mut coverage, 40);
        assert!(coverage.iter().all(|covered| (0.0..=1.0).contains(covered)));
        assert_eq!((coverage[0], coverage[39 * 40 + 39], coverage[39 * 40]), (1.0, 1.0, 0.0));
    }
}
