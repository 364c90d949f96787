//! e^x, ln(1 + x) and tanh for `f32`, as straight-line arithmetic that compilers vectorise.
//!
//! A function of the standard library is called once for each number. The functions in this file
//! have no branches and use no fused multiply-add. So a loop over them runs at the speed of the
//! vector unit and gives the same bits on every processor and instruction set. Errors are below 2
//! units in the last place. A test compares every 1009th float with `f64`.

/// ln 2 as a sum of two parts. The first part has so few bits that n times it is exact for |n| <
/// 2^9.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// 3 * 2^22. Adding this number to x and subtracting it again rounds x to an integer. After the
/// addition, the low bits of the sum are the integer in two's complement.
const ROUND: f32 = 12_582_912.0;

/// Returns n and r with x = n ln 2 + r and |r| <= ln 2 / 2, for |x| <= 2^8.
#[inline(always)]
fn reduce(x: f32) -> (i32, f32) {
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let whole = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    (whole, (x - n * LN2_HIGH) - n * LN2_LOW)
}

/// Returns e^r - 1 for |r| <= ln 2 / 2, from the Taylor polynomial of degree 7. The omitted terms
/// are below 2^-27 of the value.
#[inline(always)]
fn exp_m1_of_remainder(r: f32) -> f32 {
    let p = 1.0 / 5040.0;
    let p = p * r + 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    (p * r) * r + r
}

/// Returns 2^n for -126 <= n <= 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// Returns e^x: infinite above 88.73, subnormal below -87.4, 0 below -104, and NaN for NaN.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // These comparisons are false for NaN, which is not clamped.
    let x = if x > 90.0 { 90.0 } else { x };
    let x = if x < -105.0 { -105.0 } else { x };
    let (n, r) = reduce(x);
    // Two factors, because 2^n may not be a normal number although e^x is.
    let half = n >> 1;
    (1.0 + exp_m1_of_remainder(r)) * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// Returns ln(1 + x) for 0 <= x <= 1, and NaN for NaN.
///
/// The series is ln((1 + s) / (1 - s)) = 2 (s + s^3 / 3 + s^5 / 5 + ...) with s = x / (2 + x),
/// which is at most 1 / 3. The omitted terms are below 2^-29 of the value.
#[inline(always)]
pub(crate) fn ln_1p(x: f32) -> f32 {
    debug_assert!((0.0..=1.0).contains(&x) || x.is_nan(), "ln_1p of {x}");
    let s = x / (2.0 + x);
    let square = s * s;
    let series = 2.0 / 15.0;
    let series = series * square + 2.0 / 13.0;
    let series = series * square + 2.0 / 11.0;
    let series = series * square + 2.0 / 9.0;
    let series = series * square + 2.0 / 7.0;
    let series = series * square + 2.0 / 5.0;
    let series = series * square + 2.0 / 3.0;
    (series * square) * s + 2.0 * s
}

/// Returns tanh x = (e^2|x| - 1) / (e^2|x| + 1) with the sign of x, and NaN for NaN.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let double = x.abs() * 2.0;
    // For larger values, tanh rounds to 1.
    let double = if double > 20.0 { 20.0 } else { double };
    let (n, r) = reduce(double);
    let scale = power_of_two(n);
    // e^2|x| - 1 without cancellation: for small x, n is 0 and the last term is 0.
    let e = scale * exp_m1_of_remainder(r) + (scale - 1.0);
    let large = e / (e + 2.0);
    // Near 0, the rounding error of e is relatively large, so the first terms of the Taylor series
    // are used.
    let square = x * x;
    let series = 62.0 / 2835.0;
    let series = series * square - 17.0 / 315.0;
    let series = series * square + 2.0 / 15.0;
    let series = series * square - 1.0 / 3.0;
    let small = x.abs() + x.abs() * square * series;
    (if x.abs() < 0.25 { small } else { large }).copysign(x)
}

#[cfg(test)]
mod tests {
    /// Returns the distance of `got` from `want` in units of the last place of an `f32` near
    /// `want`.
    fn ulps(got: f32, want: f64) -> f64 {
        let rounded = want as f32;
        if got == rounded || got.is_nan() && want.is_nan() {
            return 0.0;
        }
        let next = f32::from_bits(rounded.abs().to_bits() + 1);
        let unit = f64::from(next) - f64::from(rounded.abs());
        (f64::from(got) - want).abs() / unit
    }

    fn check(name: &str, f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) {
        let special = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 88.72, -87.33, -103.9, 9.01];
        for x in (0..=u32::MAX).step_by(1009).map(f32::from_bits).chain(special) {
            let (got, want) = (f(x), exact(f64::from(x)));
            assert!(
                ulps(got, want) <= 2.0,
                "{name}({x:e}) = {got:e}, not {want:e}: {:.2} ulp",
                ulps(got, want)
            );
        }
    }

    #[test]
    fn exp_is_within_two_units_everywhere() {
        check("exp", super::exp, f64::exp);
    }

    #[test]
    fn ln_1p_is_within_two_units_between_0_and_1() {
        let within = |x: f32| (0.0..=1.0).contains(&x) || x.is_nan();
        check(
            "ln_1p",
            |x| if within(x) { super::ln_1p(x) } else { f32::NAN },
            |x| {
                if within(x as f32) { x.ln_1p() } else { f64::NAN }
            },
        );
        assert_eq!(super::ln_1p(1.0), 2f32.ln());
    }

    #[test]
    fn tanh_is_within_two_units_everywhere() {
        check("tanh", super::tanh, f64::tanh);
        assert!(super::tanh(-0.0).is_sign_negative());
    }
}
