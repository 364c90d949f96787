//! The resampler of one axis: the cubic of Keys (1981), a = -1/2. It is widened for shrinking, so
//! that it also removes the frequencies that the smaller image cannot represent.

/// How `to` output pixels are computed from `from` source pixels along one axis. Both cover the
/// same length.
///
/// Output pixel `i` is a weighted sum of consecutive source pixels. It has at most 4 weights, or at
/// most 4 `from / to` + 1 for shrinking, so the memory is proportional to `from + to`.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    spans: Vec<Span>,
    /// The weights of all output pixels one after another. Those of one pixel sum to 1.
    weights: Vec<f32>,
}

/// The source pixels of one output pixel.
#[derive(Clone, Copy, Debug)]
struct Span {
    /// The first source pixel.
    first: usize,
    /// The end of the pixel's weights in [`Axis::weights`]. They start at the end of the previous
    /// pixel's weights.
    end: usize,
}

impl Axis {
    pub(super) fn new(from: usize, to: usize) -> Self {
        let ratio = from as f32 / to as f32;
        let stretch = ratio.max(1.0);
        let (mut spans, mut weights) = (Vec::with_capacity(to), Vec::new());
        for pixel in 0..to {
            let centre = (pixel as f32 + 0.5) * ratio - 0.5;
            let first = (centre - 2.0 * stretch).ceil().max(0.0) as usize;
            let last = ((centre + 2.0 * stretch).floor() as usize).min(from - 1);
            let start = weights.len();
            weights.extend((first..=last).map(|source| keys_cubic((source as f32 - centre) / stretch)));
            let of_pixel = &mut weights[start..];
            let total: f32 = of_pixel.iter().sum();
            of_pixel.iter_mut().for_each(|weight| *weight /= total);
            spans.push(Span { first, end: weights.len() });
        }
        Self { spans, weights }
    }

    /// For each output pixel: its first source pixel, and the weights of that and the following
    /// source pixels.
    pub(super) fn taps(&self) -> impl Iterator<Item = (usize, &[f32])> {
        let starts = std::iter::once(0).chain(self.spans.iter().map(|span| span.end));
        self.spans.iter().zip(starts).map(|(span, start)| (span.first, &self.weights[start..span.end]))
    }

    /// Resamples a line of pixels of `C` channels and rounds the result to bytes.
    pub(super) fn resample<const C: usize>(&self, line: &[f32], out: &mut [u8]) {
        let (line, out) = (line.as_chunks::<C>().0, out.as_chunks_mut::<C>().0);
        for ((first, weights), pixel) in self.taps().zip(out) {
            let mut sums = [0.0_f32; C];
            for (values, weight) in line[first..].iter().zip(weights) {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += weight * value;
                }
            }
            // The cubic overshoots at edges; the cast clamps to 0 and 255.
            *pixel = sums.map(|sum| (sum + 0.5) as u8);
        }
    }
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
