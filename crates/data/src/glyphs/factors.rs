//! The causes of variation that have a name, and how an image draws them.

use adjoint_tensor::Stream;

use super::allographs;

/// Everything about a glyph that has a name.
///
/// What is left over, the mixture of the allograph's poses and the course of the wobble, is the
/// *hand*, a random stream of its own. So one index drawn with two sets of factors is the same
/// writing, slanted differently, say.
///
/// Lengths are in pixels of a 28x28 image, whatever size is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factors {
    /// The digit, 0 to 9.
    pub class: u8,
    /// Which way of writing the digit: below [`allograph_count`](super::Glyphs::allograph_count) of
    /// the class.
    pub allograph: usize,
    /// Tangent of the angle from upright; positive leans to the right, as most handwriting does.
    pub slant: f32,
    /// Rotation in radians, clockwise; meant for ±0.5 at most.
    pub rotation: f32,
    /// Height or width with the ink, whichever is larger, as a share of MNIST's box of 20 pixels.
    pub scale: f32,
    /// Horizontal stretch of the skeleton before it is scaled into the box.
    pub aspect: f32,
    /// Mean width of the stroke.
    pub stroke_width: f32,
    /// Offset of the path's centre of mass from the image's centre, to the right, as far as the ink
    /// stays on the page.
    pub shift_x: f32,
    /// The same downwards.
    pub shift_y: f32,
    /// How unsteady the hand is: 0 draws the mixture of poses as it is, 1 is a bumpy ride.
    pub wobble: f32,
    /// Hue of the ink in turns (0 red, 1/3 green, 2/3 blue); no effect in grey.
    pub ink_hue: f32,
    /// Hue of the background in turns; no effect in grey.
    pub paper_hue: f32,
}

impl Factors {
    /// Draws the factors of an image of the digit `class`.
    ///
    /// The spreads were set by comparing contact sheets with MNIST's; mean ink of a class is within
    /// 13 % of MNIST's.
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

/// A bell-shaped number of mean 0 and variance 1 that never leaves ±3: the sum of three uniforms
/// (Irwin-Hall).
///
/// Bounded, so no image is illegible; and made of IEEE additions alone, so glyphs have the same
/// bits on every machine, which a normal that calls the platform's logarithm does not promise.
pub(super) fn bell(stream: &mut Stream) -> f32 {
    let sum = stream.uniform() + stream.uniform() + stream.uniform();
    (2.0 * sum - 3.0) as f32
}
