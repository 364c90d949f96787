//! The colours of `glyphs-rgb`: any hue, with a fixed contrast between ink and paper.

/// A colour as red, green and blue in `[0, 255]`.
pub(super) type Rgb = [f32; 3];

/// Luma of paper, which is dark.
pub(super) const PAPER: f32 = 0.2;
/// Luma of ink, which is bright.
pub(super) const INK: f32 = 0.85;

/// The colour with the given hue, in turns, and luma, with slightly reduced saturation. The luma is
/// computed with the weights of Rec. 709 from the encoded values.
///
/// Yellow on blue and blue on yellow are equally readable because the luma is fixed, not the
/// lightness of HSL.
pub(super) fn tone(hue: f32, luma: f32) -> Rgb {
    const CHROMA: f32 = 0.8;
    let turn = 6.0 * hue;
    let pure = [(turn - 3.0).abs() - 1.0, 2.0 - (turn - 2.0).abs(), 2.0 - (turn - 4.0).abs()];
    let pure = pure.map(|channel| channel.clamp(0.0, 1.0));
    let brightness = luma_of(pure);
    let toned = if brightness > luma {
        pure.map(|channel| channel * luma / brightness)
    } else {
        let white = (luma - brightness) / (1.0 - brightness);
        pure.map(|channel| channel + white * (1.0 - channel))
    };
    toned.map(|channel| 255.0 * (luma + CHROMA * (channel - luma)))
}

fn luma_of([red, green, blue]: Rgb) -> f32 {
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hue_has_the_given_luma() {
        for step in 0..=360 {
            let hue = step as f32 / 360.0;
            for (color, luma) in [PAPER, INK].map(|luma| (tone(hue, luma), luma)) {
                assert!((luma_of(color) / 255.0 - luma).abs() < 1e-5, "hue {hue}: {color:?}");
                assert!(color.iter().all(|channel| (0.0..=255.0).contains(channel)), "hue {hue}: {color:?}");
            }
        }
    }

    #[test]
    fn hues_are_where_the_factors_say() {
        let strongest = |color: Rgb| (0..3).max_by(|&a, &b| color[a].total_cmp(&color[b]));
        assert_eq!(
            [0.0, 1.0 / 3.0, 2.0 / 3.0].map(|hue| strongest(tone(hue, PAPER))),
            [Some(0), Some(1), Some(2)]
        );
    }
}
