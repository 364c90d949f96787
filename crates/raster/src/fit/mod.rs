//! Fits images of any height and width into the square that a model requires.
//!
//! A [`FitMode`] selects the part of the image that is shown, and the part of the square that shows
//! it. If both have the same size, pixels are copied. Otherwise they are resampled with the cubic
//! of Keys (1981), a = -1/2, widened when shrinking to avoid aliasing.
//!
//! Stored digits are fitted each time they are requested, so a dataset needs only the memory of its
//! stored size.

mod resample;
#[cfg(test)]
mod tests;

use std::ops::Range;

use adjoint_tensor::named;

use resample::Axis;

named! {
    /// How images of any height and width become squares.
    pub enum FitMode {
        /// An image that is smaller than the square by up to a quarter of its own size (28 to
        /// 29..=35) is centred in a margin, and no pixel changes. Any other image is
        /// stretched. This is the default of stored digits, and not one of the
        /// [choices](Self::CHOICES).
        Margin = "margin": "a margin around slightly smaller images, otherwise as stretch",
        /// The largest centred square of the image is shown.
        Crop = "crop": "show the largest centred square",
        /// The whole image is shown in its proportions. Its longer side fills the square. The rest
        /// is background.
        Pad = "pad": "show the whole image, with the background on two sides",
        /// The whole image is shown. Its height and width are scaled separately.
        Stretch = "stretch": "show the whole image, with changed proportions",
    }
}

impl FitMode {
    /// The modes that a user can choose for any dataset.
    pub const CHOICES: [Self; 3] = [Self::Crop, Self::Pad, Self::Stretch];

    /// Returns the height and width of the centred part of an image of `stored` pixels that is
    /// shown, and of the centred part of the square that shows it.
    fn shown(self, stored: [usize; 2], size: usize) -> [[usize; 2]; 2] {
        let square = [size; 2];
        match self {
            Self::Margin if stored.iter().all(|&side| side <= size && size - side <= side / 4) => [stored; 2],
            Self::Margin | Self::Stretch => [stored, square],
            Self::Crop => [[stored[0].min(stored[1]); 2], square],
            Self::Pad => {
                let longer = stored[0].max(stored[1]) as u128;
                // At most `size`, so the conversion is exact.
                let scaled =
                    |side: usize| ((2 * side as u128 * size as u128 + longer) / (2 * longer)) as usize;
                [stored, stored.map(|side| scaled(side).max(1))]
            }
        }
    }
}

/// Converts images of `height` x `width` x `channels` bytes to `size` x `size` x `channels` bytes.
#[derive(Clone, Debug)]
pub struct Fit {
    channels: usize,
    size: usize,
    stored_len: usize,
    /// The bytes of a background pixel.
    background: Vec<u8>,
    /// The part of the stored image that is shown.
    source: Window,
    /// The part of the square that shows it.
    target: Window,
    /// How rows and columns are resampled; `None` if pixels are copied.
    axes: Option<[Axis; 2]>,
}

impl Fit {
    /// Prepares to fit images of `height` x `width` pixels. The pixels that do not belong to the
    /// image have the colour `background`.
    ///
    /// The cost and the memory are proportional to `height + width + size`, so a value can be made
    /// for a single image.
    ///
    /// # Panics
    /// If a size is 0, if `channels` is not 1 or 3, if `background` does not have one byte per
    /// channel, or if the number of bytes of an image overflows `usize`.
    pub fn new(
        mode: FitMode,
        [height, width]: [usize; 2],
        channels: usize,
        size: usize,
        background: &[u8],
    ) -> Self {
        assert!(height > 0 && width > 0 && size > 0, "{height} x {width} pixels to {size} x {size}");
        assert!(channels == 1 || channels == 3, "{channels} channels");
        assert_eq!(background.len(), channels, "bytes of the background");
        let stored_len = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(channels));

        let [source, target] = mode.shown([height, width], size);
        let axes = (source != target).then(|| [0, 1].map(|axis| Axis::new(source[axis], target[axis])));
        Self {
            channels,
            size,
            stored_len: stored_len.expect("the image is in memory"),
            background: background.to_vec(),
            source: Window::centred(source, [height, width], channels),
            target: Window::centred(target, [size; 2], channels),
            axes,
        }
    }

    /// Height and width of a fitted image in pixels.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Is the part that is shown smaller than the part of the square that shows it, in height or
    /// width? Then the fitted image has fewer details than its size suggests.
    pub fn enlarges(&self) -> bool {
        self.target.rows > self.source.rows || self.target.row_len > self.source.row_len
    }

    /// Bytes of a stored image.
    pub fn stored_len(&self) -> usize {
        self.stored_len
    }

    /// Fits one stored image, height x width x channels bytes, and writes the result, size x size x
    /// channels bytes, into `fitted`.
    ///
    /// # Panics
    /// If a slice has another length.
    pub fn apply(&self, stored: &[u8], fitted: &mut [u8]) {
        assert_eq!(stored.len(), self.stored_len, "bytes of the stored image");
        assert_eq!(fitted.len(), self.size * self.size * self.channels, "bytes of the fitted image");
        if self.target.rows * self.target.row_len < fitted.len() {
            for pixel in fitted.chunks_exact_mut(self.channels) {
                pixel.copy_from_slice(&self.background);
            }
        }
        match &self.axes {
            Some([rows, columns]) if self.channels == 1 => self.resample::<1>(rows, columns, stored, fitted),
            Some([rows, columns]) => self.resample::<3>(rows, columns, stored, fitted),
            None => {
                for row in 0..self.target.rows {
                    fitted[self.target.row(row)].copy_from_slice(&stored[self.source.row(row)]);
                }
            }
        }
    }

    /// Resamples an image of `C` channels. For each row of the result, a weighted sum of stored
    /// rows is computed first. This sum is then resampled along the row.
    fn resample<const C: usize>(&self, rows: &Axis, columns: &Axis, stored: &[u8], fitted: &mut [u8]) {
        let mut line = vec![0.0_f32; self.source.row_len];
        for (row, (first, weights)) in rows.taps().enumerate() {
            line.fill(0.0);
            for (from, weight) in (first..).zip(weights) {
                for (sum, &byte) in line.iter_mut().zip(&stored[self.source.row(from)]) {
                    *sum += weight * f32::from(byte);
                }
            }
            columns.resample::<C>(&line, &mut fitted[self.target.row(row)]);
        }
    }
}

/// A rectangle of pixels in an image, in bytes.
#[derive(Clone, Copy, Debug)]
struct Window {
    rows: usize,
    row_len: usize,
    /// The first byte of the first row.
    first: usize,
    /// Bytes from the start of a row to the start of the next one.
    stride: usize,
}

impl Window {
    /// The centred rectangle of `height` x `width` pixels in an image of the size `image`. If the
    /// rest is odd, the larger part is below and on the right.
    fn centred([height, width]: [usize; 2], image: [usize; 2], channels: usize) -> Self {
        let stride = image[1] * channels;
        let first = (image[0] - height) / 2 * stride + (image[1] - width) / 2 * channels;
        Self { rows: height, row_len: width * channels, first, stride }
    }

    /// The bytes of a row.
    fn row(&self, row: usize) -> Range<usize> {
        let start = self.first + row * self.stride;
        start..start + self.row_len
    }
}
