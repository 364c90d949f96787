//! The data of games of points in the plane.

use crate::game::{GameData, Play};
use adjoint_data::points::{Match, Points};
use adjoint_nn::objective::AdversarialLoss;
use adjoint_nn::{Stream, Tensor};
use adjoint_runs::{BoxError, CommonArgs, Figures, Image, Stop};

/// Number of points per epoch. The data are unlimited, so this is the number of images in MNIST.
const EPOCH: u64 = 60_000;
/// Number of data points in a picture, and number of samples in it.
pub const SHOWN: usize = 2_000;
/// Number of samples from which the numbers of an epoch are computed.
const COUNTED: usize = 10_000;
/// Height and width of a picture, in pixels.
const SIDE: usize = 400;
/// Distance in pixels between the places where D is evaluated. D changes slowly between them.
const COARSE: usize = 4;
/// Red, green and blue of data points, and of samples.
const DATA: [u8; 3] = [70, 70, 70];
const SAMPLE: [u8; 3] = [213, 94, 0];

/// The data of a game: points drawn from a distribution.
pub struct PointData {
    points: Points,
    seed: u64,
    batch: usize,
    loss: AdversarialLoss,
}

impl PointData {
    /// Returns the data of a game with this loss. A batch has `--batch-size` points of this
    /// distribution.
    pub fn new(points: Points, common: &CommonArgs, loss: AdversarialLoss) -> Self {
        Self { points, seed: common.seed, batch: common.batch_size, loss }
    }

    /// Returns sigmoid(D) in the middle of each block of 4 x 4 pixels of a picture, row by row. If
    /// the output of D is not a logit, its median is subtracted first.
    fn beliefs(&self, players: &mut dyn Play) -> Vec<f32> {
        let extent = self.points.extent() as f32;
        let n = SIDE / COARSE;
        let at = |i: usize| (i as f32 + 0.5) / n as f32 * 2.0 * extent - extent;
        let places = (0..n * n).flat_map(|i| [at(i % n), -at(i / n)]);
        let places = Tensor::from_slice([n * n, 2], &places.collect::<Vec<f32>>());
        let outputs = players.judge(&places, None);
        // The level of an output that is not a logit has no meaning. So the picture shows the
        // output relative to its median.
        let mut sorted = outputs.data().to_vec();
        sorted.sort_by(f32::total_cmp);
        let middle = if self.loss.is_on_logits() { 0.0 } else { sorted[sorted.len() / 2] };
        outputs.data().iter().map(|output| 1.0 / (1.0 + (middle - output).exp())).collect()
    }
}

impl GameData for PointData {
    fn batches_per_epoch(&self) -> u64 {
        (EPOCH / self.batch as u64).max(1)
    }

    fn batch(&mut self, index: u64) -> Result<(Tensor<f32>, Option<Tensor<f32>>), BoxError> {
        Ok((self.points.draw(self.batch, &mut Stream::new(self.seed, "points", index)), None))
    }

    fn pictures(&mut self, players: &mut dyn Play) -> Result<Vec<(&'static str, Image)>, BoxError> {
        let beliefs = self.beliefs(players);
        let samples = players.sample(&players.noise("samples", SHOWN), None);
        Ok(vec![("samples", scatter(self.points, self.seed, &samples, Some(&beliefs)))])
    }

    fn epoch_figures(&mut self, players: &mut dyn Play, stop: Stop) -> Result<Option<Figures>, BoxError> {
        let z = players.noise("counted", COUNTED);
        let Some(samples) = players.sample_unless(&z, None, stop) else { return Ok(None) };
        let Match { modes, high_quality } = self.points.compare(&samples);
        let mut figures = Figures::default();
        if !self.points.centres().is_empty() {
            figures.push("modes", modes as f64);
        }
        figures.push("high_quality", high_quality);
        Ok(Some(figures))
    }

    fn sample_command(&self) -> (&'static str, &'static str) {
        ("samples over data", "grid")
    }
}

/// Draws samples (orange) over the same number of data points (gray). The data points are a
/// function of `seed`.
///
/// `beliefs` has sigmoid(D) for each block of 4 x 4 pixels, row by row. The background is blue
/// where D classifies points as data, red where D classifies them as samples, and white where D
/// cannot tell.
pub fn scatter(points: Points, seed: u64, samples: &Tensor<f32>, beliefs: Option<&[f32]>) -> Image {
    let data = points.draw(samples.dims()[0], &mut Stream::new(seed, "points/shown", 0));
    let mut image = Image::filled(SIDE, SIDE, 3, 255);
    if let Some(beliefs) = beliefs {
        for (i, pixel) in image.pixels.chunks_exact_mut(3).enumerate() {
            let (x, y) = (i % SIDE / COARSE, i / SIDE / COARSE);
            pixel.copy_from_slice(&colour(beliefs[y * (SIDE / COARSE) + x]));
        }
    }
    for (places, colour) in [(&data, DATA), (samples, SAMPLE)] {
        for place in places.data().chunks_exact(2) {
            dot(&mut image, points.extent() as f32, place, colour);
        }
    }
    image
}

/// Draws a point as 2 x 2 pixels, if it is in the picture.
fn dot(image: &mut Image, extent: f32, point: &[f32], colour: [u8; 3]) {
    let place = |x: f32| ((x + extent) / (2.0 * extent) * SIDE as f32).floor();
    let (x, y) = (place(point[0]), place(-point[1]));
    let inside = |v: f32| (0.0..SIDE as f32 - 1.0).contains(&v);
    if inside(x) && inside(y) {
        for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let start = ((y as usize + dy) * SIDE + x as usize + dx) * 3;
            image.pixels[start..start + 3].copy_from_slice(&colour);
        }
    }
}

/// Returns the colour of the background for a value of sigmoid(D). There are ten levels, so that
/// the picture shows level lines.
fn colour(belief: f32) -> [u8; 3] {
    let level = ((belief * 10.0).floor().clamp(0.0, 9.0) + 0.5) / 10.0;
    let away = (level - 0.5).abs() * 2.0;
    let to = if level > 0.5 { [86.0, 160.0, 220.0] } else { [235.0, 130.0, 130.0] };
    to.map(|c: f32| (255.0 + away * (c - 255.0)) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Networks without weights. G returns the first four centres of the ring in turn. D classifies
    /// points in the right half of the plane as data. The field is the number of floating-point
    /// operations of G per sample.
    struct Fixed(u64);

    impl Play for Fixed {
        fn sample(&mut self, z: &Tensor<f32>, _condition: Option<&Tensor<f32>>) -> Tensor<f32> {
            let centres = Points::Ring.centres();
            let n = z.dims()[0];
            let at = (0..n).flat_map(|i| centres[i % 4].map(|c| c as f32));
            Tensor::from_slice([n, 2], &at.collect::<Vec<f32>>())
        }

        fn sample_flops(&self) -> u64 {
            self.0
        }

        fn judge(&mut self, x: &Tensor<f32>, _condition: Option<&Tensor<f32>>) -> Tensor<f32> {
            let logits = x.data().chunks_exact(2).map(|p| 100.0 * p[0]);
            Tensor::from_slice([x.dims()[0]], &logits.collect::<Vec<f32>>())
        }

        fn noise(&self, _purpose: &str, rows: usize) -> Tensor<f32> {
            Tensor::zeros([rows, 1])
        }
    }

    fn pixel(image: &Image, x: usize, y: usize) -> &[u8] {
        assert!(x < image.width && y < image.height);
        &image.pixels[(y * image.width + x) * image.channels..][..image.channels]
    }

    #[test]
    fn pictures_and_figures_show_what_is_there() {
        let mut data =
            PointData { points: Points::Ring, seed: 1, batch: 128, loss: AdversarialLoss::Minimax };
        let figures = data.epoch_figures(&mut Fixed(1), &|| false).unwrap();
        assert_eq!(figures, Some([("modes", 4.0), ("high_quality", 1.0)].into()));
        let (_, image) = data.pictures(&mut Fixed(1)).unwrap().remove(0);
        assert_eq!(pixel(&image, 10, 10), colour(0.0));
        assert_eq!(pixel(&image, 390, 10), colour(1.0));
        // There is a sample at the centre (2, 0), and only data at (-2, 0).
        let at = |x: f64| ((x + 2.5) / 5.0 * 400.0) as usize;
        assert_eq!(pixel(&image, at(2.0), 200), SAMPLE);
        let near = (0..20).flat_map(|dx| (0..20).map(move |dy| (dx, dy)));
        let mut pixels = near.map(|(dx, dy)| pixel(&image, at(-2.0) - 10 + dx, 190 + dy));
        assert!(pixels.any(|p| p == DATA) && !pixel(&image, at(-2.0), 200).eq(&SAMPLE));
    }

    /// Expensive samples are computed in several parts, with the same result as in one part. After
    /// `stop` has returned true, no further part is computed.
    #[test]
    fn counting_stops_when_it_is_asked_to() {
        let data = || PointData { points: Points::Ring, seed: 1, batch: 128, loss: AdversarialLoss::Minimax };
        let checks = Cell::new(0);
        let counted = |flops: u64, most: u32| {
            checks.set(0);
            let stop = || checks.replace(checks.get() + 1) == most;
            data().epoch_figures(&mut Fixed(flops), &stop).unwrap()
        };
        let whole = counted(1, u32::MAX).unwrap();
        assert_eq!(checks.get(), 1);
        assert_eq!(counted(100_000_000, u32::MAX), Some(whole));
        assert_eq!(checks.get(), 100, "parts of 10 GFLOP");
        assert_eq!(counted(100_000_000, 40), None);
        assert_eq!(checks.get(), 41, "no part was computed after that");
    }

    #[test]
    fn a_batch_depends_on_its_index_alone() {
        let data = || PointData { points: Points::Moons, seed: 1, batch: 4, loss: AdversarialLoss::Minimax };
        let [a, b, c] = [3, 3, 4].map(|index| data().batch(index).unwrap().0);
        assert!(a.data() == b.data() && a.data() != c.data() && a.dims() == [4, 2]);
    }
}
