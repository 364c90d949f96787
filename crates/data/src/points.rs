//! Two-dimensional point distributions with known densities, so that the samples of a model can be
//! evaluated exactly.

use std::fmt;

use adjoint_tensor::{LogMeanExp, Stream, Tensor};

/// A distribution of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Points {
    /// Eight normal clusters on a circle.
    Ring,
    /// Twenty-five normal clusters on a five by five grid.
    Grid,
    /// Two interleaved half circles.
    Moons,
}

/// A measure of how well samples match a distribution of points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// Number of clusters that receive at least a twentieth of their fair share of the samples. A
    /// fair share is the number of samples divided by the number of clusters. Only high-quality
    /// samples are counted.
    pub modes: usize,
    /// Share of the samples within three standard deviations of the centre of a cluster, or of the
    /// curve for a distribution without clusters.
    pub high_quality: f64,
}

/// A mode counts as found if it receives at least this fraction of its fair share of all samples.
const MIN_MODE_SHARE: f64 = 0.05;

/// Number of points on each moon in the sum that approximates its density.
const CURVE_POINTS: u32 = 256;

impl Points {
    /// Every distribution.
    pub const ALL: [Points; 3] = [Points::Ring, Points::Grid, Points::Moons];

    /// The name of the distribution on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Points::Ring => "ring",
            Points::Grid => "grid",
            Points::Moons => "moons",
        }
    }

    /// Returns the distribution with this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|points| points.name() == name)
    }

    /// Standard deviation of a point along each axis, about the centre of its cluster or about its
    /// point on the curve.
    pub fn sigma(self) -> f64 {
        match self {
            Points::Ring | Points::Grid => 0.05,
            Points::Moons => 0.08,
        }
    }

    /// Along each axis, all points except a few in millions are within this distance of the origin.
    pub fn extent(self) -> f64 {
        match self {
            Points::Ring | Points::Grid => 2.5,
            Points::Moons => 2.0,
        }
    }

    /// The centres of the clusters; empty for the moons, which are curves.
    pub fn centres(self) -> Vec<[f64; 2]> {
        match self {
            Points::Ring => (0..8)
                .map(|i| (f64::from(i) * std::f64::consts::FRAC_PI_4).sin_cos())
                .map(|(sin, cos)| [2.0 * cos, 2.0 * sin])
                .collect(),
            Points::Grid => (0..25).map(|i| [f64::from(i % 5) - 2.0, f64::from(i / 5) - 2.0]).collect(),
            Points::Moons => vec![],
        }
    }

    /// Draws `n` points, a tensor of shape (n, 2).
    pub fn draw(self, n: usize, stream: &mut Stream) -> Tensor<f32> {
        let (centres, sigma) = (self.centres(), self.sigma());
        Tensor::build([n, 2], |out| {
            for point in out.chunks_exact_mut(2) {
                let on = match self {
                    Points::Ring | Points::Grid => centres[stream.below(centres.len())],
                    Points::Moons => moon(stream.below(2), std::f64::consts::PI * stream.uniform()),
                };
                point.iter_mut().zip(on).for_each(|(x, c)| *x = (c + sigma * stream.normal()) as f32);
            }
        })
    }

    /// The natural logarithm of the density at a point. The density of the moons is approximated by
    /// a sum over points on the curves. The distance between neighbouring points on a curve is much
    /// smaller than the standard deviation.
    pub fn log_density(self, point: [f64; 2]) -> f64 {
        let along = |i: u32| std::f64::consts::PI * (f64::from(i) + 0.5) / f64::from(CURVE_POINTS);
        let centres = match self {
            Points::Ring | Points::Grid => self.centres(),
            Points::Moons => {
                (0..2).flat_map(|which| (0..CURVE_POINTS).map(move |i| moon(which, along(i)))).collect()
            }
        };
        let variance = self.sigma().powi(2);
        let exponents = centres.iter().map(|&place| -0.5 * distance(point, place).powi(2) / variance);
        exponents.collect::<LogMeanExp>().value() - (std::f64::consts::TAU * variance).ln()
    }

    /// Measures how well samples of shape (n, 2) match the distribution.
    ///
    /// # Panics
    /// If the shape of `samples` is not (n, 2).
    #[track_caller]
    pub fn compare(self, samples: &Tensor<f32>) -> Match {
        assert!(samples.dims().len() == 2 && samples.dims()[1] == 2, "points of shape {}", samples.shape());
        let centres = self.centres();
        let (mut counts, mut good) = (vec![0usize; centres.len()], 0usize);
        for point in samples.data().chunks_exact(2) {
            let point = [f64::from(point[0]), f64::from(point[1])];
            let (nearest, distance) = if centres.is_empty() {
                (None, distance_to_moons(point))
            } else {
                let distances = centres.iter().map(|&c| distance(point, c)).enumerate();
                let (i, d) = distances.min_by(|a, b| a.1.total_cmp(&b.1)).expect("there are centres");
                (Some(i), d)
            };
            if distance <= 3.0 * self.sigma() {
                good += 1;
                nearest.into_iter().for_each(|i| counts[i] += 1);
            }
        }
        let n = samples.dims()[0].max(1) as f64;
        let fair = n / centres.len().max(1) as f64;
        let modes =
            counts.iter().filter(|&&count| count > 0 && count as f64 >= MIN_MODE_SHARE * fair).count();
        Match { modes, high_quality: good as f64 / n }
    }
}

/// Returns the point at the angle `t` of a moon: the upper moon if `which` is 0, otherwise the
/// lower moon. `t` is from 0 to pi. The two moons together are centred at the origin.
fn moon(which: usize, t: f64) -> [f64; 2] {
    let [x, y] = if which == 0 { [t.cos(), t.sin()] } else { [1.0 - t.cos(), 0.5 - t.sin()] };
    [x - 0.5, y - 0.25]
}

fn distance([x, y]: [f64; 2], [a, b]: [f64; 2]) -> f64 {
    (x - a).hypot(y - b)
}

/// The distance of a point to the nearer of the two half circles.
fn distance_to_moons([x, y]: [f64; 2]) -> f64 {
    // The distance of (x, y) to the upper half of the unit circle. The lower moon is such a half
    // circle turned upside down.
    let to_half = |x: f64, y: f64| {
        if y >= 0.0 { (x.hypot(y) - 1.0).abs() } else { distance([x, y], [1.0f64.copysign(x), 0.0]) }
    };
    to_half(x + 0.5, y + 0.25).min(to_half(x - 0.5, 0.25 - y))
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A two-dimensional normal point is within three sigma of its mean with probability
    /// 1 - exp(-9/2) = 0.9889.
    #[test]
    fn data_matches_itself() {
        for points in Points::ALL {
            let data = points.draw(20_000, &mut Stream::new(1, "points", 0));
            let found = points.compare(&data);
            assert_eq!(found.modes, points.centres().len(), "{points}");
            // Except at the ends of a curve, only the deviation across the curve matters.
            let want = if points == Points::Moons { 0.9973 } else { 0.9889 };
            assert!((found.high_quality - want).abs() < 0.004, "{points}: {}", found.high_quality);
            let extent = points.extent() as f32;
            assert!(data.data().iter().all(|x| x.abs() < extent), "{points}");
        }
    }

    #[test]
    fn a_missing_mode_and_stray_samples_are_seen() {
        let ring = Points::Ring;
        // The first `far` samples are at (x, y); the others are at the first centre.
        let at = |far: usize, x: f32, y: f32| {
            let points = (0..1000).flat_map(|i| if i < far { [x, y] } else { [2.0, 0.0] });
            Tensor::from_slice([1000, 2], &points.collect::<Vec<f32>>())
        };
        assert_eq!(ring.compare(&at(0, 0.0, 0.0)), Match { modes: 1, high_quality: 1.0 });
        assert_eq!(ring.compare(&at(1, -2.0, 0.0)), Match { modes: 1, high_quality: 1.0 });
        assert_eq!(ring.compare(&at(500, -2.0, 0.0)), Match { modes: 2, high_quality: 1.0 });
        assert_eq!(ring.compare(&at(500, 0.0, 0.0)), Match { modes: 1, high_quality: 0.5 });
    }

    #[test]
    fn distances_to_the_moons() {
        for (point, want) in [
            ([-0.5, 0.75], 0.0),
            ([0.5, 0.75], 2f64.sqrt() - 1.0),
            ([-0.5, 2.0], 1.25),
            ([0.0, -2.0], 0.5f64.hypot(2.25) - 1.0),
            // Beyond the end of the upper moon, at (-1.5, -0.25).
            ([-1.5, -0.75], 0.5),
        ] {
            let got = distance_to_moons(point);
            assert!((got - want).abs() < 1e-9, "{point:?}: {got} for {want}");
        }
        for t in [0.0, 1.0, 3.0] {
            assert!([0, 1].iter().all(|&which| distance_to_moons(moon(which, t)) < 1e-12));
        }
    }

    /// The integral of the density over a square that contains nearly all of its mass is 1.
    #[test]
    fn densities_have_a_mass_of_one() {
        for points in Points::ALL {
            let (side, n) = (2.0 * points.extent(), 200);
            let at = |i: usize| side * ((i as f64 + 0.5) / n as f64 - 0.5);
            let cell = (side / n as f64).powi(2);
            let mass: f64 = (0..n * n).map(|k| cell * points.log_density([at(k / n), at(k % n)]).exp()).sum();
            assert!((mass - 1.0).abs() < 1e-3, "{points}: {mass}");
        }
        // The density at the centre of a cluster is an eighth of the peak of a normal density.
        let want = (1.0 / (8.0 * std::f64::consts::TAU * 0.05f64.powi(2))).ln();
        assert!((Points::Ring.log_density([2.0, 0.0]) - want).abs() < 1e-9);
    }

    #[test]
    fn names_read_back() {
        assert!(Points::ALL.iter().all(|points| Points::of_name(&points.to_string()) == Some(*points)));
        assert_eq!(Points::of_name("glyphs"), None);
    }
}
