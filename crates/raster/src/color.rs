//! Converts pixels between grayscale and colour, and composes transparent ones.

use std::borrow::Cow;

/// Converts pixels of `from` channels to pixels of `to` channels, each 1 or 3. Gray has the luma of
/// a colour; a colour of a gray has the gray in all channels.
pub fn convert(pixels: Cow<'_, [u8]>, from: usize, to: usize) -> Cow<'_, [u8]> {
    match (from, to) {
        (3, 1) => pixels.as_chunks::<3>().0.iter().map(|&color| luma(color)).collect(),
        (1, 3) => pixels.iter().flat_map(|&gray| [gray; 3]).collect(),
        _ => pixels,
    }
}

/// Composes pixels of red, green, blue and alpha on a background: c = (a f + (255 - a) b) / 255,
/// rounded. Returns pixels of three bytes. Bytes after the last complete pixel are ignored.
pub fn compose(pixels: &[u8], background: [u8; 3]) -> Vec<u8> {
    let composed = pixels.as_chunks::<4>().0.iter().flat_map(|&[color @ .., alpha]| {
        std::array::from_fn::<_, 3, _>(|channel| {
            let (above, below) = (u32::from(color[channel]), u32::from(background[channel]));
            let sum = u32::from(alpha) * above + u32::from(255 - alpha) * below;
            ((sum + 127) / 255) as u8
        })
    });
    composed.collect()
}

/// The luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B, rounded. The weights in units of 2^-16
/// are those of Pillow's conversion to "L".
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let sum = 19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue);
    ((sum + (1 << 15)) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(pixels: &[u8], from: usize, to: usize) -> Vec<u8> {
        convert(Cow::Borrowed(pixels), from, to).into_owned()
    }

    #[test]
    fn transparent_pixels_are_composed_on_the_background() {
        let pixels = [[10, 20, 30, 0], [10, 20, 30, 255], [10, 20, 30, 51], [0, 255, 2, 128]].concat();
        // The last pixel: (127 * 200 + 127) / 255, (128 * 255 + 127 * 100 + 127) / 255 and so on.
        let expected = [[200, 100, 0], [10, 20, 30], [162, 84, 6], [100, 178, 1]].concat();
        assert_eq!(compose(&pixels, [200, 100, 0]), expected);
        assert_eq!(compose(&pixels[..15], [200, 100, 0]), expected[..9]);
    }

    #[test]
    fn gray_is_kept_and_color_has_the_luma_of_bt_601() {
        for gray in 0..=255 {
            assert_eq!(converted(&[gray; 3], 3, 1), [gray]);
            assert_eq!(converted(&[gray], 1, 3), [gray; 3]);
        }
        // 0.299, 0.587 and 0.114 of 255.
        assert_eq!(converted(&[255, 0, 0, 0, 255, 0, 0, 0, 255], 3, 1), [76, 150, 29]);
        assert_eq!(converted(&[1, 2, 3], 3, 3), [1, 2, 3]);
        assert_eq!(converted(&[1, 2, 3], 1, 1), [1, 2, 3]);
        for red in (0..256).step_by(5) {
            for (green, blue) in [(0, 255), (17, 101), (200, 3)] {
                let exact = 0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue);
                let found = f64::from(converted(&[red as u8, green as u8, blue as u8], 3, 1)[0]);
                assert!((found - exact).abs() <= 0.501, "{red} {green} {blue}: {found}, not {exact}");
            }
        }
    }
}
