//! A colour as the value of a flag.

use serde::{Serialize, Serializer};
use std::fmt;

/// Red, green and blue, from 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color(pub [u8; 3]);

/// The colours that have names.
const NAMED: [(&str, [u8; 3]); 3] = [("white", [255; 3]), ("black", [0; 3]), ("gray", [128; 3])];

impl Color {
    /// Parses the name of a colour (white, black or gray) or its hexadecimal digits, `#rrggbb` or
    /// `#rgb`.
    ///
    /// # Errors
    /// If the text is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some((_, color)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(Self(*color));
        }
        let digits = text.strip_prefix('#').unwrap_or_default();
        let digits: Option<Vec<u8>> =
            digits.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
        match digits.as_deref() {
            Some(&[r, g, b]) => Ok(Self([r, g, b].map(|digit| 17 * digit))),
            Some(&[r0, r1, g0, g1, b0, b1]) => Ok(Self([16 * r0 + r1, 16 * g0 + g1, 16 * b0 + b1])),
            _ => Err("it is white, black, gray, or #rrggbb or #rgb with hexadecimal digits".to_owned()),
        }
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([red, green, blue]) = self;
        match NAMED.iter().find(|(_, color)| *color == self.0) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "#{red:02x}{green:02x}{blue:02x}"),
        }
    }
}

impl Serialize for Color {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_read_as_they_are_written() {
        for (text, color) in [("white", [255; 3]), ("#010aff", [1, 10, 255]), ("black", [0; 3])] {
            assert_eq!(Color::parse(text), Ok(Color(color)));
            assert_eq!(Color(color).to_string(), text);
        }
        assert_eq!(Color::parse("#FFFFFF").map(|color| color.to_string()), Ok("white".to_owned()));
        assert_eq!(Color::parse("#1aF"), Ok(Color([0x11, 0xaa, 0xff])));
        for wrong in
            ["", "#", "fff", "#ff", "#ffff", "#12345", "#1234567", "#+12345", "123456", "White", "#ééé"]
        {
            assert!(Color::parse(wrong).is_err(), "{wrong}");
        }
    }
}
