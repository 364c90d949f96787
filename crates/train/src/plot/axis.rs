//! One axis of a plot: which numbers stand at it, and where.

use crate::summary::group_digits;

/// A linear map from values to pixels, with round numbers to write beside it.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
    step: f64,
}

impl Axis {
    /// An axis on which `low` lies at pixel `start` and `high` at pixel `end`, with about `ticks` ticks.
    pub(super) fn new((low, high): (f64, f64), (start, end): (f64, f64), ticks: usize) -> Self {
        // A single value gets an axis around it.
        let (low, high) = if high > low { (low, high) } else { (low - 0.5, low + 0.5) };
        Self { low, high, start, end, step: round_up((high - low) / ticks as f64) }
    }

    /// The same axis with its ends moved outwards to the next ticks.
    pub(super) fn to_ticks(&self) -> Self {
        let (low, high) =
            ((self.low / self.step).floor() * self.step, (self.high / self.step).ceil() * self.step);
        Self { low, high, ..self.clone() }
    }

    /// Only whole numbers: an axis of steps.
    pub(super) fn whole(&self) -> Self {
        Self { step: self.step.max(1.0), ..self.clone() }
    }

    /// The pixel of a value.
    pub(super) fn at(&self, value: f64) -> f64 {
        self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)
    }

    /// The ticks, as (pixel, text).
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        let slack = 1e-9 * self.step;
        let first = ((self.low - slack) / self.step).ceil() as i64;
        let last = ((self.high + slack) / self.step).floor() as i64;
        let tick = |i: i64| (self.at(i as f64 * self.step), number(i as f64 * self.step, decimals));
        (first..=last).map(tick).collect()
    }
}

/// The next number of the form 1, 2 or 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= value * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// A number with a fixed number of decimals, a true minus sign, and its thousands set apart.
pub(super) fn number(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let negative = value < 0.0 && text.contains(|c| ('1'..='9').contains(&c));
    format!("{}{}{fraction}", if negative { "\u{2212}" } else { "" }, group_digits(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<String> {
        axis.ticks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        let axis = |low, high, ticks| Axis::new((low, high), (0.0, 100.0), ticks);
        assert_eq!(texts(&axis(0.0, 1.0, 4)), ["0.0", "0.5", "1.0"]);
        assert_eq!(texts(&axis(0.0, 1.0, 5)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(&axis(0.3, 2.9, 5).to_ticks()), ["0", "1", "2", "3"]);
        assert_eq!(
            texts(&axis(-0.013, 0.02, 4).to_ticks()),
            ["\u{2212}0.02", "\u{2212}0.01", "0.00", "0.01", "0.02"]
        );
        assert_eq!(texts(&axis(0.0, 4690.0, 5)), ["0", "1,000", "2,000", "3,000", "4,000"]);
        assert_eq!(texts(&axis(0.0, 3.0, 6).whole()), ["0", "1", "2", "3"]);
        assert_eq!(texts(&axis(7.0, 7.0, 2)), ["6.5", "7.0", "7.5"]);
    }

    #[test]
    fn values_lie_where_the_ticks_say() {
        let axis = Axis::new((0.0, 10.0), (200.0, 100.0), 2);
        assert_eq!(axis.ticks(), [(200.0, "0".into()), (150.0, "5".into()), (100.0, "10".into())]);
        assert_eq!(axis.at(2.5), 175.0);
    }

    #[test]
    fn numbers_are_grouped_and_signed() {
        assert_eq!(number(1_234_567.0, 0), "1,234,567");
        assert_eq!(number(-0.25, 2), "\u{2212}0.25");
        assert_eq!(number(-0.001, 1), "0.0");
        assert_eq!(number(999.95, 1), "1,000.0");
    }
}
