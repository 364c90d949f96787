//! Fits stored images into the square that a model requires.
//!
//! | requested size | what happens |
//! | --- | --- |
//! | the stored one | nothing |
//! | up to a quarter larger (28 to 29..=35) | the image is centred in a black margin; no pixel changes |
//! | anything else | resampled with the cubic of Keys (1981), a = -1/2, widened when shrinking to avoid aliasing |
//!
//! An image is fitted each time it is requested, so a dataset needs only the memory of its stored
//! size.

/// Converts images of `height` x `width` x `channels` bytes to `size` x `size` x `channels` bytes.
#[derive(Clone, Debug)]
pub(crate) struct Fit {
    height: usize,
    width: usize,
    channels: usize,
    pub(crate) size: usize,
    /// The taps of the rows and of the columns; `None` if an image is not resampled.
    taps: Option<[Vec<Taps>; 2]>,
}

/// The source pixels from which one output pixel is computed, starting at `first`, and their
/// weights, which sum to 1.
#[derive(Clone, Debug)]
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

impl Fit {
    pub(crate) fn new([height, width]: [usize; 2], channels: usize, size: usize) -> Self {
        let copies = |stored: usize| stored <= size && size <= stored + stored / 4;
        let taps = (!(copies(height) && copies(width))).then(|| [taps(height, size), taps(width, size)]);
        Self { height, width, channels, size, taps }
    }

    /// Bytes of a stored image.
    pub(crate) fn stored_len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Fits one stored image and writes the result into `fitted`.
    pub(crate) fn apply(&self, stored: &[u8], fitted: &mut [u8]) {
        match &self.taps {
            None => self.copy(stored, fitted),
            Some([rows, columns]) => self.resample(rows, columns, stored, fitted),
        }
    }

    fn copy(&self, stored: &[u8], fitted: &mut [u8]) {
        fitted.fill(0);
        let (stored_row, fitted_row) = (self.width * self.channels, self.size * self.channels);
        let (top, left) = ((self.size - self.height) / 2, (self.size - self.width) / 2 * self.channels);
        for (from, to) in stored.chunks_exact(stored_row).zip(fitted.chunks_exact_mut(fitted_row).skip(top)) {
            to[left..left + stored_row].copy_from_slice(from);
        }
    }

    /// Resamples an image. For each row of the result, a weighted sum of stored rows is computed
    /// first. This sum is then resampled along the row.
    fn resample(&self, rows: &[Taps], columns: &[Taps], stored: &[u8], fitted: &mut [u8]) {
        let row_len = self.width * self.channels;
        let mut line = vec![0.0_f32; row_len];
        for (taps, out) in rows.iter().zip(fitted.chunks_exact_mut(self.size * self.channels)) {
            line.fill(0.0);
            for (from, weight) in stored.chunks_exact(row_len).skip(taps.first).zip(&taps.weights) {
                for (sum, &byte) in line.iter_mut().zip(from) {
                    *sum += weight * f32::from(byte);
                }
            }
            for (taps, pixel) in columns.iter().zip(out.chunks_exact_mut(self.channels)) {
                for (channel, byte) in pixel.iter_mut().enumerate() {
                    let from = line[taps.first * self.channels + channel..].iter().step_by(self.channels);
                    let sum = from.zip(&taps.weights).fold(0.0, |sum, (value, weight)| sum + weight * value);
                    // The cubic overshoots at edges; the cast clamps to 0 and 255.
                    *byte = (sum + 0.5) as u8;
                }
            }
        }
    }
}

/// Returns the taps of a line of `to` output pixels that covers the same length as `from` source
/// pixels.
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let ratio = from as f32 / to as f32;
    let stretch = ratio.max(1.0);
    (0..to)
        .map(|pixel| {
            let centre = (pixel as f32 + 0.5) * ratio - 0.5;
            let first = (centre - 2.0 * stretch).ceil().max(0.0) as usize;
            let last = ((centre + 2.0 * stretch).floor() as usize).min(from - 1);
            let mut weights: Vec<f32> =
                (first..=last).map(|source| keys_cubic((source as f32 - centre) / stretch)).collect();
            let total: f32 = weights.iter().sum();
            weights.iter_mut().for_each(|weight| *weight /= total);
            Taps { first, weights }
        })
        .collect()
}

/// The interpolation kernel of Keys 1981, "Cubic convolution interpolation", equation 15, with
/// a = -1/2.
fn keys_cubic(x: f32) -> f32 {
    let x = x.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(stored: &[u8], shape: [usize; 2], channels: usize, size: usize) -> Vec<u8> {
        let mut fitted = vec![77; size * size * channels];
        Fit::new(shape, channels, size).apply(stored, &mut fitted);
        fitted
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let stored: Vec<u8> = (0..48).collect();
        assert_eq!(fit(&stored, [4, 4], 3, 4), stored);
    }

    #[test]
    fn a_little_larger_is_a_black_margin() {
        let fitted = fit(&[9; 28 * 28], [28, 28], 1, 32);
        for (index, &byte) in fitted.iter().enumerate() {
            let inside = (2..30).contains(&(index / 32)) && (2..30).contains(&(index % 32));
            assert_eq!(byte, if inside { 9 } else { 0 }, "pixel {index}");
        }
    }

    #[test]
    fn resampling_keeps_a_constant_and_its_channels() {
        for size in [16, 27, 36, 64, 91] {
            let stored = [10, 200, 255].repeat(28 * 28);
            assert_eq!(fit(&stored, [28, 28], 3, size), [10, 200, 255].repeat(size * size), "to {size}");
        }
    }

    /// Keys' kernel reproduces linear functions, except in the outermost pixels, where the edge
    /// matters.
    #[test]
    fn enlarging_keeps_a_ramp_straight() {
        let stored: Vec<u8> = (0..28 * 28).map(|index| (index % 28 * 8) as u8).collect();
        let fitted = fit(&stored, [28, 28], 1, 56);
        for column in 4..52 {
            let exact = ((column as f32 + 0.5) / 2.0 - 0.5) * 8.0;
            assert!((f32::from(fitted[56 * 20 + column]) - exact).abs() <= 0.5, "column {column}");
        }
    }

    /// The finest checkerboard cannot be represented in a smaller image. It must become uniform
    /// gray, without a moire pattern.
    #[test]
    fn shrinking_does_not_alias() {
        let chequered = |index: usize| if (index % 28 + index / 28).is_multiple_of(2) { 200 } else { 0 };
        let stored: Vec<u8> = (0..28 * 28).map(chequered).collect();
        for size in [14, 17] {
            let inside = |at: usize| (2..size - 2).contains(&at);
            for (index, byte) in fit(&stored, [28, 28], 1, size).into_iter().enumerate() {
                let skipped = !inside(index % size) || !inside(index / size);
                assert!(skipped || byte.abs_diff(100) <= 2, "to {size}, pixel {index}: {byte}");
            }
        }
    }
}
