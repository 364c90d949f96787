//! The named factors of variation of a glyph, and their random distribution.

use adjoint_tensor::Stream;

use super::allographs;

/// The named factors of variation of a glyph.
///
/// The remaining variation is called the *hand*: the mixture of the poses of the allograph and the
/// course of the wobble. The hand has a separate random stream. If an image is drawn again
/// with other factors, for example another slant, it therefore shows the same handwriting.
///
/// Lengths are in pixels of a 28x28 image, independent of the size that is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factors {
    /// The digit, 0 to 9.
    pub class: u8,
    /// The index of the allograph, the variant in which the digit is written. The digits have
    /// different numbers of allographs.
    pub allograph: usize,
    /// Tangent of the angle from upright. A positive slant leans to the right, as most handwriting
    /// does.
    pub slant: f32,
    /// Clockwise rotation in radians, between -0.5 and 0.5.
    pub rotation: f32,
    /// The larger of the height and the width of the ink, as a share of MNIST's box of 20 pixels.
    pub scale: f32,
    /// Horizontal stretch of the skeleton before it is scaled into the box.
    pub aspect: f32,
    /// Mean width of the stroke.
    pub stroke_width: f32,
    /// The distance by which the centre of mass of the path is to the right of the image's centre.
    /// It is reduced if ink would leave the page.
    pub shift_x: f32,
    /// The distance by which the centre of mass is below the image's centre, with the same limit.
    pub shift_y: f32,
    /// The unsteadiness of the hand: 0 draws the mixture of poses unchanged, 1 distorts it
    /// strongly.
    pub wobble: f32,
    /// Hue of the ink in turns (0 red, 1/3 green, 2/3 blue); no effect on grayscale images.
    pub ink_hue: f32,
    /// Hue of the background in turns; no effect on grayscale images.
    pub paper_hue: f32,
}

impl Factors {
    /// Draws random factors for an image of the digit `class`.
    ///
    /// The standard deviations were chosen by comparing contact sheets with MNIST. The mean ink of
    /// each class is within 13 % of MNIST's.
    pub(super) fn draw(class: u8, stream: &mut Stream) -> Self {
        let allograph = draw_allograph(class, stream);
        let mut around = |mean: f32, deviation: f32| mean + deviation * bell(stream);
        let breadth = around(1.0, 0.14);
        Self {
            class,
            allograph,
            slant: around(0.15, 0.25),
            rotation: around(0.0, 0.08),
            scale: around(0.98, 0.02),
            aspect: around(1.14, 0.18),
            stroke_width: 2.45 * breadth * breadth,
            shift_x: around(0.0, 0.33),
            shift_y: around(0.0, 0.33),
            wobble: around(0.6, 0.18),
            ink_hue: stream.uniform() as f32,
            paper_hue: stream.uniform() as f32,
        }
    }
}

fn draw_allograph(class: u8, stream: &mut Stream) -> usize {
    let allographs = allographs::of(class);
    let mut left = stream.uniform() as f32;
    let taken = allographs.iter().position(|allograph| {
        left -= allograph.share;
        left < 0.0
    });
    taken.unwrap_or(allographs.len() - 1)
}

/// A random number with mean 0 and variance 1 from a bell-shaped distribution on [-3, 3]: the
/// scaled sum of three uniform numbers (Irwin-Hall distribution).
///
/// The numbers are bounded, so every image is legible. They are computed with IEEE 754 additions
/// and multiplications alone, so glyphs have the same bits on every machine. A normal distribution
/// that calls the logarithm of the platform does not guarantee this.
pub(super) fn bell(stream: &mut Stream) -> f32 {
    let sum = stream.uniform() + stream.uniform() + stream.uniform();
    (2.0 * sum - 3.0) as f32
}
