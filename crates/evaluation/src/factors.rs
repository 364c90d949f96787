//! Which of the factors of glyphs the regressor learns: [`JUDGE_VERSION`](crate::judges) counts
//! their changes, too.

use adjoint_data::glyphs::Factors;

/// One number that a glyph was drawn from.
pub(crate) type Number = fn(&Factors) -> f32;

/// The factors, and the key of the figure of their direction.
pub(crate) const FACTORS: [(&str, Number); 3] = [
    ("direction_thickness", |f| f.stroke_width),
    ("direction_slant", |f| f.slant),
    ("direction_width", |f| f.aspect),
];
