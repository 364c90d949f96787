//! Parsers for the values of flags. Their error messages say which values are valid.

use std::ops::RangeInclusive;

use adjoint_tensor::threads::MAX as MAX_THREADS;

/// The largest count that a TOML file can hold.
const MAX_COUNT: u64 = i64::MAX as u64;

/// Returns a parser of whole numbers in a range.
///
/// The parser fails if the text is not a whole number in this range, or if it does not fit into
/// `T`.
pub fn whole<T: TryFrom<u64>>(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|n| range.contains(n)).and_then(|n| T::try_from(n).ok());
        number.ok_or_else(|| format!("a whole number from {} to {} is needed", range.start(), range.end()))
    }
}

/// Parses a whole number from 1 to 2^63 - 1.
///
/// # Errors
/// If the text is not a whole number in this range, or if the number does not fit into `T`.
pub fn count<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    whole(1..=MAX_COUNT)(text).map_err(|_| "a whole number from 1 to 2^63 - 1 is needed".into())
}

/// Parses a number of kernel threads.
///
/// # Errors
/// If the text is not a whole number from 1 to `adjoint_tensor::threads::MAX`.
pub fn threads(text: &str) -> Result<usize, String> {
    whole(1..=MAX_THREADS as u64)(text)
}

/// Parses a number above 0.
///
/// # Errors
/// If the text is not a number above 0.
pub fn positive(text: &str) -> Result<f64, String> {
    number(text, "above 0", |x| x > 0.0)
}

/// Parses a number not below 0.
///
/// # Errors
/// If the text is not a number, or is a number below 0.
pub fn not_negative(text: &str) -> Result<f64, String> {
    number(text, "not below 0", |x| x >= 0.0)
}

/// Parses a number from 0 to 1, excluding 1.
///
/// # Errors
/// If the text is not a number in this range.
pub fn fraction(text: &str) -> Result<f64, String> {
    number(text, "from 0 to below 1", |x| (0.0..1.0).contains(&x))
}

fn number(text: &str, which: &str, fits: fn(f64) -> bool) -> Result<f64, String> {
    let number = text.parse().ok().filter(|&x: &f64| x.is_finite() && fits(x));
    number.ok_or_else(|| format!("a number {which} is needed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_at_both_ends() {
        assert_eq!([count::<u64>("1"), count("9223372036854775807")], [Ok(1), Ok(MAX_COUNT)]);
        for text in ["0", "-1", "1.5", "", "9223372036854775808"] {
            assert!(count::<u64>(text).unwrap_err().contains("from 1 to 2^63 - 1"), "{text}");
        }
        assert_eq!([threads("1"), threads("256")], [Ok(1), Ok(256)]);
        assert!(["0", "-1", "257", "x", ""].iter().all(|text| threads(text).is_err()));
        assert_eq!(positive("1e-9"), Ok(1e-9));
        assert!(["0", "-1", "inf", "NaN", "x"].iter().all(|text| positive(text).is_err()));
        assert_eq!([not_negative("0"), not_negative("2.5")], [Ok(0.0), Ok(2.5)]);
        assert!(["-1", "inf", "NaN", "x"].iter().all(|text| not_negative(text).is_err()));
        assert_eq!([fraction("0"), fraction("0.999")], [Ok(0.0), Ok(0.999)]);
        assert!(["1", "-0.1", "NaN", ""].iter().all(|text| fraction(text).is_err()));
    }
}
