//! The bytes of an image, in other orders.

/// Converts an image of three planes (red, green and blue, each row by row) to pixels of three
/// bytes, and appends them to `pixels`.
///
/// # Panics
/// If the length of `planes` is not a multiple of 3.
pub fn planes_to_pixels(planes: &[u8], pixels: &mut Vec<u8>) {
    assert!(planes.len().is_multiple_of(3), "{} bytes are not three planes", planes.len());
    let (red, others) = planes.split_at(planes.len() / 3);
    let (green, blue) = others.split_at(red.len());
    let all = red.iter().zip(green).zip(blue);
    pixels.extend(all.flat_map(|((&red, &green), &blue)| [red, green, blue]));
}

/// Mirrors an image of `width` pixels per row left-right. Each pixel has `channels` bytes. Bytes
/// after the last complete row stay as they are.
///
/// # Panics
/// If `width` or `channels` is 0.
pub fn mirror(image: &mut [u8], width: usize, channels: usize) {
    for row in image.chunks_exact_mut(width * channels) {
        // The first line reverses the pixels and the bytes of each pixel; the second line restores
        // the order of the bytes.
        row.reverse();
        row.chunks_exact_mut(channels).for_each(<[u8]>::reverse);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_become_pixels_behind_those_that_are_there() {
        let mut pixels = vec![7];
        planes_to_pixels(&[1, 2, 11, 12, 21, 22], &mut pixels);
        assert_eq!(pixels, [7, 1, 11, 21, 2, 12, 22]);
    }

    #[test]
    fn rows_are_mirrored_and_colors_stay() {
        let mut image = [1, 2, 3, 4, 5, 6, 7, 8];
        mirror(&mut image, 2, 2);
        assert_eq!(image, [3, 4, 1, 2, 7, 8, 5, 6]);
        mirror(&mut image, 4, 1);
        assert_eq!(image, [2, 1, 4, 3, 6, 5, 8, 7]);
        mirror(&mut image, 3, 1);
        assert_eq!(image, [4, 1, 2, 5, 6, 3, 8, 7]);
    }
}
