//! One axis of a plot: its ticks and their positions.

use crate::summary::group_digits;

/// A linear map from values to pixels, with ticks at round numbers.
#[derive(Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
    step: f64,
}

impl Axis {
    /// Creates an axis with `low` at pixel `start`, `high` at pixel `end`, and about `ticks` ticks.
    /// `low`, `high` and their difference must be finite.
    pub(super) fn new((low, high): (f64, f64), (start, end): (f64, f64), ticks: usize) -> Self {
        // If `low` and `high` are equal or nearly equal, the range is widened, so that ticks
        // differ.
        let least = (low.abs().max(high.abs()) * 2.0_f64.powi(-40)).max(1e-300);
        let margin = if high > low { least } else { least.max(0.5) };
        let (low, high) = if high - low < least { (low - margin, high + margin) } else { (low, high) };
        Self { low, high, start, end, step: round_up((high - low) / ticks as f64) }
    }

    /// Moves the ends of the axis outwards to the next ticks.
    pub(super) fn rounded(self) -> Self {
        let (low, high) = ((self.low / self.step).floor(), (self.high / self.step).ceil());
        Self { low: low * self.step, high: high * self.step, ..self }
    }

    /// Restricts the ticks to whole numbers, for an axis of steps.
    pub(super) fn whole(self) -> Self {
        Self { step: self.step.max(1.0), ..self }
    }

    /// Returns the pixel coordinate of a value. It is clamped if the value is far outside the axis.
    pub(super) fn at(&self, value: f64) -> f64 {
        let pixel = self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start);
        pixel.clamp(-MAX_PIXEL, MAX_PIXEL)
    }

    /// Returns the ticks as (pixel, text).
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        // The decimal place of the last digit of a tick, as an exponent of ten.
        let place = self.step.log10().floor() as i32;
        let plain = self.low.abs().max(self.high.abs()) < LARGE && place >= -9;
        let text = |value: f64| match value.abs().log10().floor() as i32 {
            _ if plain => number(value, (-place).max(0) as usize),
            _ if value == 0.0 => "0".to_owned(),
            first => scientific(value, (first - place).max(0) as usize),
        };
        let slack = 1e-9 * self.step;
        let first = ((self.low - slack) / self.step).ceil() as i64;
        let last = ((self.high + slack) / self.step).floor() as i64;
        let tick = |i: i64| (self.at(i as f64 * self.step), text(i as f64 * self.step));
        (first..=last).map(tick).collect()
    }
}

/// Rounds up to 1, 2 or 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= value * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// Largest magnitude of a pixel coordinate, far outside of the picture.
const MAX_PIXEL: f64 = 1e5;
/// Numbers of this magnitude or more are formatted with a power of ten instead of all digits.
const LARGE: f64 = 1e9;

/// Formats a number with a fixed number of decimals, a Unicode minus sign and thousands separators:
/// "1,234.50". A large number has the same number of decimals and a power of ten: "1.23e12".
pub(super) fn number(value: f64, decimals: usize) -> String {
    if value.abs() >= LARGE {
        return scientific(value, decimals);
    }
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let negative = value < 0.0 && text.contains(|c| ('1'..='9').contains(&c));
    format!("{}{}{fraction}", if negative { "\u{2212}" } else { "" }, group_digits(whole))
}

/// Formats a number other than 0 with a power of ten: "1.23e12".
fn scientific(value: f64, digits: usize) -> String {
    format!("{}{:.digits$e}", if value < 0.0 { "\u{2212}" } else { "" }, value.abs())
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
        assert_eq!(texts(&axis(0.3, 2.9, 5).rounded()), ["0", "1", "2", "3"]);
        assert_eq!(
            texts(&axis(-0.013, 0.02, 4).rounded()),
            ["\u{2212}0.02", "\u{2212}0.01", "0.00", "0.01", "0.02"]
        );
        assert_eq!(texts(&axis(0.0, 4690.0, 5)), ["0", "1,000", "2,000", "3,000", "4,000"]);
        assert_eq!(texts(&axis(0.0, 3.0, 6).whole()), ["0", "1", "2", "3"]);
        assert_eq!(texts(&axis(7.0, 7.0, 2)), ["6.5", "7.0", "7.5"]);
    }

    /// Some values are so large that neighboring `f64` numbers differ by more than 1. Others are so
    /// small that their differences underflow.
    #[test]
    fn extreme_numbers_have_a_few_ticks_that_differ() {
        for value in [0.0, 5e-324, 1e-300, 1e-12, 1.0, 550.0, 2.0_f64.powi(53), 1e38, 1e300] {
            for (low, high) in [(value, value), (-value, -value), (-value, value), (value, value.next_up())] {
                let axis = Axis::new((low, high), (100.0, 0.0), 5).rounded();
                let ticks = axis.ticks();
                assert!((2..=13).contains(&ticks.len()), "{low} to {high}: {ticks:?}");
                assert!(ticks.windows(2).all(|two| two[0].1 != two[1].1 && two[0].0 > two[1].0), "{ticks:?}");
                assert!(ticks.iter().all(|(pixel, text)| (-0.1..=100.1).contains(pixel) && text.len() < 24));
                assert!((-0.1..=100.1).contains(&axis.at(low)) && (-0.1..=100.1).contains(&axis.at(high)));
            }
        }
        let axis = Axis::new((0.0, 3e9), (0.0, 1.0), 3);
        assert_eq!(texts(&axis), ["0", "1e9", "2e9", "3e9"]);
        assert_eq!(texts(&Axis::new((-1e-10, 1e-10), (0.0, 1.0), 2)), ["\u{2212}1e-10", "0", "1e-10"]);
        assert_eq!([number(-1.234e12, 2), number(999_999_999.0, 0)], ["\u{2212}1.23e12", "999,999,999"]);
    }

    #[test]
    fn values_are_drawn_at_their_ticks() {
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
