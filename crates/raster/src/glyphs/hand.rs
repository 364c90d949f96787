//! The hand: the random mixture of the poses of an allograph, and its wobble. The result is
//! independent of the page and of the image size.

use adjoint_tensor::Stream;

use super::allographs::Pose;
use super::factors::bell;

/// A control point of a stroke in the units of the skeleton, or a point of the path on the page in
/// pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Knot {
    pub(super) x: f32,
    pub(super) y: f32,
    /// Radius of the stroke at this knot. In a skeleton it is relative to the mean radius, between
    /// [`LEAST_PRESSURE`] and [`MOST_PRESSURE`]. On the page it is in pixels.
    pub(super) radius: f32,
}

/// The smallest pressure of the pen.
const LEAST_PRESSURE: f32 = 0.7;
/// The largest pressure of the pen.
pub(super) const MOST_PRESSURE: f32 = 1.3;

/// Strokes as lists of knots; a knot that is listed twice is a corner.
pub(super) type Skeleton = Vec<Vec<Knot>>;

/// Writes one digit: a random mixture of `poses`, disturbed in proportion to `wobble`.
pub(super) fn write(poses: &[Pose], wobble: f32, hand: &mut Stream) -> Skeleton {
    let mut skeleton = mix(poses, hand);
    bend(&mut skeleton, wobble, hand);
    for (index, stroke) in skeleton.iter_mut().enumerate() {
        // After leaving the paper, the pen lands slightly off the start of the next stroke.
        let miss = if index == 0 { 0.0 } else { 0.03 * wobble };
        tremble(stroke, miss, wobble, hand);
    }
    skeleton
}

/// Returns the average of the poses, weighted with random weights that sum to 1.
fn mix(poses: &[Pose], hand: &mut Stream) -> Skeleton {
    let weights = mixture(poses.len(), hand);
    let blank = Knot { x: 0.0, y: 0.0, radius: 1.0 };
    let mut skeleton: Skeleton = poses[0].iter().map(|stroke| vec![blank; stroke.len()]).collect();
    for (pose, weight) in poses.iter().zip(weights) {
        let points = pose.iter().copied().flatten();
        for (knot, (x, y)) in skeleton.iter_mut().flatten().zip(points) {
            knot.x += weight * x;
            knot.y += weight * y;
        }
    }
    skeleton
}

/// Returns random weights that sum to 1. They are cubes of uniform numbers, so that one pose
/// dominates and the mixtures differ from the plain average. Then the difference of each weight
/// from the average weight is increased. Weights can therefore be below 0 or above 1, and the
/// mixture can be slightly beyond the poses.
fn mixture(count: usize, hand: &mut Stream) -> Vec<f32> {
    const EXAGGERATION: f32 = 0.3;
    let mut weights: Vec<f32> = (0..count)
        .map(|_| {
            let draw = hand.uniform() as f32 + 0.05;
            draw * draw * draw
        })
        .collect();
    let total: f32 = weights.iter().sum();
    for weight in &mut weights {
        *weight = (1.0 + EXAGGERATION) * *weight / total - EXAGGERATION / count as f32;
    }
    weights
}

/// Bends the whole digit with a random quadratic map, which for example makes one loop larger than
/// the other, arches the back or lets the bar sag.
fn bend(skeleton: &mut Skeleton, wobble: f32, hand: &mut Stream) {
    let [taper, arch, fan, sag] = [0.22, 0.17, 0.22, 0.22].map(|size| size * wobble * bell(hand));
    for knot in skeleton.iter_mut().flatten() {
        let (u, v) = (knot.x - 0.3, knot.y - 0.5);
        knot.x += taper * u * v + arch * v * v;
        knot.y += fan * u * v + sag * u * u;
    }
}

/// Adds a tremor of low frequency to the positions and the pressure of the knots. The tremor is a
/// random walk with a pull towards 0, so knots that follow each other move alike. In addition, all
/// knots of the stroke move together by about `miss`.
fn tremble(stroke: &mut [Knot], miss: f32, wobble: f32, hand: &mut Stream) {
    const PERSISTENCE: f32 = 0.55;
    let (miss_x, miss_y) = (miss * bell(hand), miss * bell(hand));
    let mut walk = [0.0_f32; 3];
    let mut previous: Option<Knot> = None;
    for knot in stroke {
        // The two equal knots of a corner move alike.
        if previous != Some(*knot) {
            walk = walk.map(|position| PERSISTENCE * position + bell(hand));
        }
        previous = Some(*knot);
        knot.x += miss_x + 0.045 * wobble * walk[0];
        knot.y += miss_y + 0.04 * wobble * walk[1];
        knot.radius = (1.0 + 0.1 * walk[2]).clamp(LEAST_PRESSURE, MOST_PRESSURE);
    }
}
