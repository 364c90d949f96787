//! Converts the values of arrays to bytes.

/// How far values may exceed a range, in levels of a byte. Such values round to the end of the
/// range. Resampling and single precision make them.
const TOLERANCE: f64 = 0.5;

/// The range of values that stands for black to white, decided by the extent of all values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// [0, 1].
    Unit,
    /// [-1, 1], if there are negative values.
    Symmetric,
    /// [0, 255], if there are values above 1.
    Bytes,
}

impl Scale {
    /// Returns the first range, in the order of the enum, that contains the least and the greatest
    /// value. Half a level of a byte more is tolerated. Returns `None` if no range contains both.
    pub fn of(min: f64, max: f64) -> Option<Self> {
        let contains = |scale: &Self| scale.level(min) >= -TOLERANCE && scale.level(max) <= 255.0 + TOLERANCE;
        [Self::Unit, Self::Symmetric, Self::Bytes].into_iter().find(contains)
    }

    /// The byte that is nearest to a value. Halves are rounded up.
    pub fn byte(self, value: f64) -> u8 {
        // The cast clamps to 0 and 255.
        (self.level(value) + 0.5) as u8
    }

    /// A value on the scale from 0 to 255.
    fn level(self, value: f64) -> f64 {
        match self {
            Self::Unit => value * 255.0,
            Self::Symmetric => (value + 1.0) * 127.5,
            Self::Bytes => value,
        }
    }

    /// The range as mathematicians write it.
    pub fn range(self) -> &'static str {
        match self {
            Self::Unit => "[0, 1]",
            Self::Symmetric => "[-1, 1]",
            Self::Bytes => "[0, 255]",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extent_decides() {
        for (min, max, expected) in [
            (0.0, 1.0, Scale::Unit),
            (0.0, 0.0, Scale::Unit),
            (0.2, 0.7, Scale::Unit),
            (-0.001, 1.001, Scale::Unit),
            (-1.0, 1.0, Scale::Symmetric),
            (-0.5, 0.1, Scale::Symmetric),
            (-1.003, 1.003, Scale::Symmetric),
            (0.0, 255.0, Scale::Bytes),
            (-0.4, 255.4, Scale::Bytes),
            (0.0, 1.1, Scale::Bytes),
        ] {
            assert_eq!(Scale::of(min, max).unwrap(), expected, "{min} to {max}");
        }
        for (min, max) in
            [(-1.1, 1.0), (-1.0, 1.1), (0.0, 256.0), (-128.0, 127.0), (-3.0, 3.0), (0.0, 65535.0)]
        {
            assert_eq!(Scale::of(min, max), None, "{min} to {max}");
        }
    }

    #[test]
    fn values_are_rounded_to_the_nearest_byte() {
        for byte in 0..=255_u8 {
            let level = f64::from(byte);
            assert_eq!(Scale::Unit.byte(f64::from((level / 255.0) as f32)), byte);
            assert_eq!(Scale::Symmetric.byte(f64::from((level / 127.5 - 1.0) as f32)), byte);
            assert_eq!(Scale::Bytes.byte(level + 0.49), byte);
            assert_eq!(Scale::Bytes.byte(level - 0.49), byte);
        }
        assert_eq!(Scale::Bytes.byte(255.5), 255);
        assert_eq!((Scale::Symmetric.byte(0.0), Scale::Unit.byte(0.5)), (128, 128));
    }
}
