//! Bytes and values of an image, in other orders and types.

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

/// Writes the value of each byte into `out`. `values` has the value of every possible byte.
///
/// # Panics
/// If the lengths of `bytes` and `out` differ.
pub fn look_up(values: &[f32; 256], bytes: &[u8], out: &mut [f32]) {
    assert_eq!(bytes.len(), out.len(), "one value per byte");
    for (value, &byte) in out.iter_mut().zip(bytes) {
        *value = values[usize::from(byte)];
    }
}

/// Mirrors an image of `width` pixels per row left-right. Each pixel has `channels` values.
pub fn mirror(image: &mut [f32], width: usize, channels: usize) {
    for row in image.chunks_exact_mut(width * channels) {
        // The first line reverses the pixels and the values of each pixel; the second line restores
        // the order of the values.
        row.reverse();
        row.chunks_exact_mut(channels).for_each(<[f32]>::reverse);
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
    fn every_byte_has_its_value() {
        let mut out = [0.0; 3];
        look_up(&std::array::from_fn(|byte| byte as f32 / 2.0), &[0, 255, 3], &mut out);
        assert_eq!(out, [0.0, 127.5, 1.5]);
    }

    #[test]
    fn rows_are_mirrored_and_colors_stay() {
        let mut image = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        mirror(&mut image, 2, 2);
        assert_eq!(image, [3.0, 4.0, 1.0, 2.0, 7.0, 8.0, 5.0, 6.0]);
        mirror(&mut image, 4, 1);
        assert_eq!(image, [2.0, 1.0, 4.0, 3.0, 6.0, 5.0, 8.0, 7.0]);
    }
}
