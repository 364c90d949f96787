//! Prepares logged numbers for drawing: smooths and thins curves, and chooses their range.

/// A point of a curve, (step, value), or of a picture, (x, y).
pub(super) type Point = (f64, f64);
pub(super) type Points = Vec<Point>;

/// Values are clamped to this magnitude, so that sums and differences of values stay finite.
pub(super) const MAX_VALUE: f64 = 1e300;

/// Returns the moving average of a curve. The window around each point is about a fortieth of the
/// curve. For a short curve, it is a larger part. The window is truncated at the ends of the curve.
pub(super) fn smooth(points: &[Point]) -> Points {
    let reach = (points.len() / 80).max((points.len() / 20).min(4));
    let mut sums = vec![0.0];
    sums.extend(points.iter().scan(0.0, |sum, (_, value)| {
        *sum += value;
        Some(*sum)
    }));
    let mean = |i: usize| {
        let (from, to) = (i.saturating_sub(reach), (i + reach + 1).min(points.len()));
        (sums[to] - sums[from]) / (to - from) as f64
    };
    points.iter().enumerate().map(|(i, (step, _))| (*step, mean(i))).collect()
}

/// Reduces a curve to at most about `2 * bins` points, which look the same when they are drawn.
/// Splits the curve into bins, and returns the lowest and the highest point of each bin, in order.
pub(super) fn thin(points: &[Point], bins: usize) -> Points {
    if points.len() <= 2 * bins {
        return points.to_vec();
    }
    let extremes = |bin: &[Point]| {
        let order = |a: &&Point, b: &&Point| a.1.total_cmp(&b.1);
        let mut pair = [bin.iter().min_by(order), bin.iter().max_by(order)]
            .map(|point| *point.expect("a bin is not empty"));
        pair.sort_by(|a, b| a.0.total_cmp(&b.0));
        pair
    };
    points.chunks(points.len().div_ceil(bins)).flat_map(extremes).collect()
}

/// Returns a range that includes all points of the smoothed curves and nearly all points of the raw
/// curves. A few outliers at the start of a run must not flatten the rest of a curve. The range
/// starts at 0 if its lowest value is positive and less than half of its highest value.
pub(super) fn value_range(raw: &[Points], smoothed: &[Points]) -> (f64, f64) {
    let mut values: Vec<f64> = raw.iter().flatten().map(|point| point.1).collect();
    values.sort_by(f64::total_cmp);
    let tail = (values.len() / 200).max(usize::from(values.len() >= 40));
    let typical = values.get(tail..values.len() - tail).unwrap_or_default();
    let all = typical.iter().copied().chain(smoothed.iter().flatten().map(|point| point.1));
    let (low, high) =
        all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    match (low, high) {
        (low, high) if low > high => (0.0, 1.0),
        (low, high) if low > 0.0 && low < high / 2.0 => (0.0, high),
        range => range,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(n: usize, f: impl Fn(f64) -> f64) -> Points {
        (0..n).map(|i| (i as f64, f(i as f64))).collect()
    }

    #[test]
    fn smoothing_keeps_straight_lines_and_flattens_noise() {
        let straight = line(400, |x| 3.0 * x + 1.0);
        for (a, b) in smooth(&straight)[5..395].iter().zip(&straight[5..]) {
            assert!((a.1 - b.1).abs() < 1e-9, "{a:?} {b:?}");
        }
        let noisy = line(400, |x| 1.0 - 2.0 * (x % 2.0));
        assert!(smooth(&noisy).iter().all(|point| point.1.abs() < 0.2));
        assert_eq!(smooth(&noisy[..1]), noisy[..1]);
        assert!(smooth(&[]).is_empty());
    }

    #[test]
    fn thinning_keeps_the_extremes() {
        let mut points = line(10_000, |x| (x / 700.0).sin());
        points[4321].1 = 9.0;
        points[4322].1 = -9.0;
        let thinned = thin(&points, 300);
        assert!(thinned.len() <= 600 && thinned.len() > 500, "{}", thinned.len());
        assert!(thinned.contains(&points[4321]) && thinned.contains(&points[4322]));
        assert!(thinned.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        assert_eq!(thin(&points[..600], 300), points[..600]);
    }

    #[test]
    fn the_range_ignores_a_few_wild_values() {
        let mut points = line(1000, |x| 1.0 + (x / 50.0).sin() / 2.0);
        points[3].1 = 80.0;
        let (low, high) = value_range(&[points.clone()], &[smooth(&points)[100..].to_vec()]);
        assert!(low == 0.0 && high < 2.0, "{low} {high}");
        assert_eq!(value_range(&[], &[]), (0.0, 1.0));
        let (low, _) = value_range(&[line(10, |x| 100.0 + x)], &[]);
        assert_eq!(low, 100.0);
    }
}
