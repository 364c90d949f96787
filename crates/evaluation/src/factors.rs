//! The factors of glyphs that the regressor learns. If they change,
//! [`JUDGE_VERSION`](crate::judges) must be raised.

use adjoint_data::glyphs::Factors;

/// Reads one factor of a glyph.
pub(crate) type Number = fn(&Factors) -> f32;

/// Each factor with the key of the figure of its direction.
pub(crate) const FACTORS: [(&str, Number); 3] = [
    ("direction_thickness", |f| f.stroke_width),
    ("direction_slant", |f| f.slant),
    ("direction_width", |f| f.aspect),
];
