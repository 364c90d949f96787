//! Games about points in the plane.

use crate::game::{Play, Stage};
use adjoint_data::points::{Match, Points};
use adjoint_nn::objective::AdversarialLoss;
use adjoint_nn::{Stream, Tensor};
use adjoint_runs::{BoxError, CommonArgs, Figures, Image};

/// Points that count as a pass through the data, which has no end: the number of images in MNIST.
const EPOCH: u64 = 60_000;
/// Points on a picture and samples beside them.
pub const SHOWN: usize = 2_000;
/// Samples that are counted.
const COUNTED: usize = 10_000;
/// Height and width of a picture.
const SIDE: usize = 400;
/// Pixels between two values of D: it changes slowly.
const COARSE: usize = 4;
/// Data, and samples.
const DATA: [u8; 3] = [70, 70, 70];
const SAMPLE: [u8; 3] = [213, 94, 0];

/// Points drawn from a distribution.
pub struct PointStage {
    points: Points,
    seed: u64,
    batch: usize,
    loss: AdversarialLoss,
}

impl PointStage {
    /// Points of this kind, in batches as the flags say, in a game of this loss.
    pub fn new(points: Points, common: &CommonArgs, loss: AdversarialLoss) -> Self {
        Self { points, seed: common.seed, batch: common.batch_size, loss }
    }

    /// D(x) at every fourth pixel of a picture, row by row.
    fn beliefs(&self, players: &mut dyn Play) -> Vec<f32> {
        let extent = self.points.extent() as f32;
        let n = SIDE / COARSE;
        let at = |i: usize| (i as f32 + 0.5) / n as f32 * 2.0 * extent - extent;
        let places = (0..n * n).flat_map(|i| [at(i % n), -at(i / n)]);
        let places = Tensor::from_slice([n * n, 2], &places.collect::<Vec<f32>>());
        let outputs = players.judge(&places, None);
        // Where the output is no logit its level says nothing (a critic has none at all): what is
        // shown is relative to the middle.
        let mut sorted = outputs.data().to_vec();
        sorted.sort_by(f32::total_cmp);
        let middle = if self.loss.is_on_logits() { 0.0 } else { sorted[sorted.len() / 2] };
        outputs.data().iter().map(|output| 1.0 / (1.0 + (middle - output).exp())).collect()
    }
}

impl Stage for PointStage {
    fn batches_per_epoch(&self) -> u64 {
        (EPOCH / self.batch as u64).max(1)
    }

    fn batch(&mut self, index: u64) -> (Tensor<f32>, Option<Tensor<f32>>) {
        (self.points.draw(self.batch, &mut Stream::new(self.seed, "points", index)), None)
    }

    fn pictures(&mut self, players: &mut dyn Play) -> Vec<(&'static str, Image)> {
        let beliefs = self.beliefs(players);
        let samples = players.sample(&players.noise("samples", SHOWN), None);
        vec![("samples", scatter(self.points, self.seed, &samples, Some(&beliefs)))]
    }

    fn epoch_figures(
        &mut self,
        players: &mut dyn Play,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Figures>, BoxError> {
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

/// Draws samples (orange) over the same number of data points (grey), which follow from `seed`.
/// `beliefs` are sigma(D) at every fourth pixel, row by row. They colour the plane blue where D
/// sees data, white where it cannot tell, and red where it sees samples.
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

/// Two by two pixels, if they are on the picture.
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

/// Of a belief, in ten steps, so that its levels show as edges.
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

    /// G gives the ring's centres in turn, D is sure of the right half of the plane. A sample takes
    /// this many operations.
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

    #[test]
    fn pictures_and_figures_show_what_is_there() {
        let mut stage =
            PointStage { points: Points::Ring, seed: 1, batch: 128, loss: AdversarialLoss::Minimax };
        let figures = stage.epoch_figures(&mut Fixed(1), &|| false).unwrap();
        assert_eq!(figures, Some([("modes", 4.0), ("high_quality", 1.0)].into()));
        let (_, image) = stage.pictures(&mut Fixed(1)).remove(0);
        assert_eq!(image.pixel(10, 10), colour(0.0));
        assert_eq!(image.pixel(390, 10), colour(1.0));
        // The centre (2, 0) has a sample; (-2, 0) has data alone.
        let at = |x: f64| ((x + 2.5) / 5.0 * 400.0) as usize;
        assert_eq!(image.pixel(at(2.0), 200), SAMPLE);
        let near = (0..20).flat_map(|dx| (0..20).map(move |dy| (dx, dy)));
        let mut pixels = near.map(|(dx, dy)| image.pixel(at(-2.0) - 10 + dx, 190 + dy));
        assert!(pixels.any(|p| p == DATA) && !image.pixel(at(-2.0), 200).eq(&SAMPLE));
    }

    /// Samples that take long are made in parts, and what comes out is the same.
    #[test]
    fn counting_stops_when_it_is_asked_to() {
        let stage =
            || PointStage { points: Points::Ring, seed: 1, batch: 128, loss: AdversarialLoss::Minimax };
        let looks = Cell::new(0);
        let counted = |flops: u64, most: u32| {
            looks.set(0);
            let stop = || looks.replace(looks.get() + 1) == most;
            stage().epoch_figures(&mut Fixed(flops), &stop).unwrap()
        };
        let whole = counted(1, u32::MAX).unwrap();
        assert_eq!(looks.get(), 1);
        assert_eq!(counted(100_000_000, u32::MAX), Some(whole));
        assert_eq!(looks.get(), 100, "parts of 10 GFLOP");
        assert_eq!(counted(100_000_000, 40), None);
        assert_eq!(looks.get(), 41, "no part was made after that");
    }

    #[test]
    fn a_batch_depends_on_its_index_alone() {
        let stage =
            || PointStage { points: Points::Moons, seed: 1, batch: 4, loss: AdversarialLoss::Minimax };
        let (a, b, c) = (stage().batch(3).0, stage().batch(3).0, stage().batch(4).0);
        assert!(a.data() == b.data() && a.data() != c.data() && a.dims() == [4, 2]);
    }
}
