//! The sliced Wasserstein distance between the details of two sets of images: Karras et al.,
//! "Progressive growing of GANs for improved quality, stability, and variation" (2018), section 5.
//!
//! A descriptor is a neighbourhood of 7 x 7 pixels in a level of the Laplacian pyramid of an image
//! ([`laplacian`]). The descriptors of a set are normalised: each channel has
//! mean 0 and standard deviation 1 over all descriptors of the set. The distance of two sets is the
//! mean Wasserstein distance of their descriptors' projections onto random directions (Rabin et al.
//! 2011).
//!
//! The constants are those of the authors' code: 128 descriptors per image, and four times 128
//! directions. There is one difference. The authors draw the positions of descriptors separately
//! for each image. Here, all images of all sets share the 128 positions, which are drawn again for
//! each 128 directions. So the distance of equal sets is 0, and the order of images has no
//! influence.
//!
//! The Wasserstein distance of two distributions of numbers is the integral of |F - G|, where F and
//! G are their distribution functions. The authors sort all projections, which must then all be in
//! memory. Here, F and G are kept as their means over cells of width `CELL`: a projection counts
//! partly for each of the two cell borders around it. The integral over a cell is exact, unless F -
//! G changes its sign in the cell.

use crate::laplacian;
use adjoint_nn::{Stream, Tensor};

/// Height and width of a descriptor in pixels.
const SIDE: usize = 7;
/// Number of positions at which an image has descriptors. A level with fewer positions has
/// descriptors at all of them.
const POSITIONS: usize = 128;
/// Number of draws of positions and directions.
const DRAWS: usize = 4;
/// Number of directions of a draw.
const DIRECTIONS: usize = 128;

/// Width of a cell. A projection onto a random direction has about the standard deviation 1.
const CELL: f64 = 1.0 / 64.0;
/// The cells cover projections from -REACH to REACH. Projections outside count as the nearest of
/// the two.
const REACH: f64 = 64.0;
const CELLS: usize = (2.0 * REACH / CELL) as usize;
/// A projection counts as this many parts. They are shared by the borders of its cell, in
/// proportion to the distance from the other border.
const PARTS: u32 = 1 << 8;
/// Maximum number of images, so that the parts of all descriptors are a `u32`.
const MOST_IMAGES: usize = (u32::MAX / PARTS) as usize / POSITIONS;
/// Maximum number of images, and of their pixel values, whose pyramids are in memory at once.
const PIECE: usize = 64;
const PIECE_VALUES: usize = 1 << 22;
/// Details with a smaller standard deviation are rounding errors of constant images.
const LEAST_DEVIATION: f64 = 1e-6;

/// The projected descriptors of a set of images, for each level of the pyramid.
pub struct Projections {
    levels: Vec<Level>,
}

impl Projections {
    /// Computes the projections of images (N, H, W, C) in \[0, 1\]. The positions of descriptors
    /// and the directions depend on the seed. A level takes about 17 MB.
    ///
    /// # Panics
    /// If there are no images or more than 131,071, or if they are smaller than a descriptor.
    #[track_caller]
    pub fn of(images: &Tensor<f32>, seed: u64) -> Self {
        let [n, height, width, _] = images.shape().nhwc();
        assert!((1..=MOST_IMAGES).contains(&n), "the details of {n} images");
        assert!(height.min(width) >= SIDE, "descriptors of images of {height} x {width} pixels");
        let first = laplacian::pyramid(&images.narrow(0, 0, 1));
        let shapes = first.iter().map(|level| level.shape().nhwc());
        let draws = |i: usize, [_, height, width, channels]: [usize; 4]| -> Vec<Draw> {
            let index = |draw: usize| (DRAWS * i + draw) as u64;
            (0..DRAWS).map(|draw| Draw::new([height, width, channels], seed, index(draw))).collect()
        };
        let draws: Vec<Vec<Draw>> = shapes.enumerate().map(|(i, shape)| draws(i, shape)).collect();
        // Two passes: the descriptors can be normalised only after all images have been seen.
        let mut sums: Vec<PixelSums> = first.iter().map(PixelSums::new).collect();
        each_piece(images, |levels| {
            sums.iter_mut().zip(levels).for_each(|(sums, level)| sums.add(level));
        });
        let scales: Vec<Vec<Scales>> = (sums.iter().zip(&draws))
            .map(|(sums, draws)| draws.iter().map(|draw| sums.scales(draw)).collect())
            .collect();
        let mut levels: Vec<Level> = scales.iter().map(|scales| Level::new(scales)).collect();
        each_piece(images, |pieces| {
            for (i, (level, piece)) in levels.iter_mut().zip(pieces).enumerate() {
                for (own, (draw, scales)) in level.draws.iter_mut().zip(draws[i].iter().zip(&scales[i])) {
                    own.add(&draw.directions, &draw.descriptors(piece, scales));
                }
            }
        });
        Projections { levels }
    }

    /// Returns the distance to another set for each level, finest first. The distance of a set that
    /// has a value that is not finite is NaN.
    ///
    /// # Panics
    /// If the images of the other set have another number of levels.
    #[track_caller]
    pub fn distances(&self, other: &Self) -> Vec<f64> {
        assert_eq!(self.levels.len(), other.levels.len(), "pyramids of images of different sizes");
        self.levels.iter().zip(&other.levels).map(|(own, other)| own.distance(other)).collect()
    }
}

/// Calls `each` with the pyramids of all images, a piece at a time.
fn each_piece(images: &Tensor<f32>, mut each: impl FnMut(&[Tensor<f32>])) {
    let [n, height, width, channels] = images.shape().nhwc();
    let piece = (PIECE_VALUES / (height * width * channels).max(1)).clamp(1, PIECE);
    for start in (0..n).step_by(piece) {
        each(&laplacian::pyramid(&images.narrow(0, start, piece.min(n - start))));
    }
}

/// The positions of descriptors in a level, and the directions onto which they are projected.
struct Draw {
    /// Row and column of the first pixel of each descriptor.
    positions: Vec<[usize; 2]>,
    /// Unit vectors, (DIRECTIONS, numbers of a descriptor).
    directions: Tensor<f32>,
}

impl Draw {
    fn new([height, width, channels]: [usize; 3], seed: u64, index: u64) -> Self {
        let (rows, columns) = (0..=height - SIDE, 0..=width - SIDE);
        let mut positions: Vec<[usize; 2]> =
            rows.flat_map(|row| columns.clone().map(move |column| [row, column])).collect();
        Stream::new(seed, "sliced/positions", index).shuffle(&mut positions);
        positions.truncate(POSITIONS);
        let numbers = SIDE * SIDE * channels;
        let mut directions =
            Stream::new(seed, "sliced/directions", index).normal_tensor([DIRECTIONS, numbers], 0.0, 1.0);
        for direction in directions.data_mut().chunks_exact_mut(numbers) {
            let square: f64 = direction.iter().map(|x: &f32| f64::from(*x).powi(2)).sum();
            direction.iter_mut().for_each(|x| *x /= square.sqrt() as f32);
        }
        Draw { positions, directions }
    }

    /// Returns the normalised descriptors of a level (N, H, W, C), one per row.
    fn descriptors(&self, level: &Tensor<f32>, scales: &Scales) -> Tensor<f32> {
        let [n, height, width, channels] = level.shape().nhwc();
        let mut image = vec![0.0; height * width * channels];
        let numbers = SIDE * SIDE * channels;
        Tensor::build([n * self.positions.len(), numbers], |out| {
            let images = level.data().chunks_exact(image.len());
            for (pixels, out) in images.zip(out.chunks_exact_mut(self.positions.len() * numbers)) {
                scales.normalise(pixels, &mut image);
                for ([row, column], out) in self.positions.iter().zip(out.chunks_exact_mut(numbers)) {
                    for (i, out) in out.chunks_exact_mut(SIDE * channels).enumerate() {
                        out.copy_from_slice(
                            &image[((row + i) * width + column) * channels..][..SIDE * channels],
                        );
                    }
                }
            }
        })
    }
}

/// The sum and the sum of squares of each pixel value of a level, over all images.
struct PixelSums {
    /// Height, width and number of channels.
    dims: [usize; 3],
    images: usize,
    sums: Vec<[f64; 2]>,
}

impl PixelSums {
    fn new(level: &Tensor<f32>) -> Self {
        let [_, height, width, channels] = level.shape().nhwc();
        PixelSums {
            dims: [height, width, channels],
            images: 0,
            sums: vec![[0.0; 2]; height * width * channels],
        }
    }

    fn add(&mut self, level: &Tensor<f32>) {
        self.images += level.dims()[0];
        for image in level.data().chunks_exact(self.sums.len()) {
            for ([sum, squares], x) in self.sums.iter_mut().zip(image) {
                let x = f64::from(*x);
                *sum += x;
                *squares += x * x;
            }
        }
    }

    /// Returns the scales of the channels over all descriptors at the positions of a draw.
    fn scales(&self, draw: &Draw) -> Scales {
        let [_, width, channels] = self.dims;
        let mut sums = vec![[0.0; 2]; channels];
        for [row, column] in &draw.positions {
            for i in 0..SIDE {
                let line = &self.sums[((row + i) * width + column) * channels..][..SIDE * channels];
                for (j, [sum, squares]) in line.iter().enumerate() {
                    sums[j % channels][0] += sum;
                    sums[j % channels][1] += squares;
                }
            }
        }
        let n = (self.images * draw.positions.len() * SIDE * SIDE) as f64;
        Scales::new(sums.iter().map(|[sum, squares]| {
            let mean = sum / n;
            [mean, (squares / n - mean * mean).max(0.0).sqrt()]
        }))
    }
}

/// Mean of each channel, and the factor that gives it the standard deviation 1.
struct Scales(Vec<[f32; 2]>);

impl Scales {
    fn new(channels: impl Iterator<Item = [f64; 2]>) -> Self {
        Scales(
            channels
                .map(|[mean, deviation]| {
                    let factor = if deviation < LEAST_DEVIATION { 0.0 } else { 1.0 / deviation };
                    [mean as f32, factor as f32]
                })
                .collect(),
        )
    }

    fn is_finite(&self) -> bool {
        self.0.as_flattened().iter().all(|x| x.is_finite())
    }

    fn normalise(&self, pixels: &[f32], out: &mut [f32]) {
        let channels = self.0.len();
        for (pixel, out) in pixels.chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
            for ((x, out), [mean, factor]) in pixel.iter().zip(out).zip(&self.0) {
                *out = (x - mean) * factor;
            }
        }
    }
}

/// The projections of all descriptors of a level.
struct Level {
    draws: Vec<Distributions>,
    is_finite: bool,
}

impl Level {
    fn new(scales: &[Scales]) -> Self {
        Level {
            draws: scales.iter().map(|_| Distributions::new()).collect(),
            is_finite: scales.iter().all(Scales::is_finite),
        }
    }

    fn distance(&self, other: &Self) -> f64 {
        if !self.is_finite || !other.is_finite {
            return f64::NAN;
        }
        let draws = self.draws.iter().zip(&other.draws);
        draws.map(|(own, other)| own.distance(other)).sum::<f64>() / self.draws.len() as f64
    }
}

/// The distribution of the projections of descriptors onto each of several directions.
struct Distributions {
    /// The parts that fall to each border of a cell, for one direction after another.
    borders: Vec<u32>,
}

impl Distributions {
    fn new() -> Self {
        Distributions { borders: vec![0; DIRECTIONS * (CELLS + 1)] }
    }

    /// Adds the projections of the rows of `descriptors` onto the rows of `directions`.
    fn add(&mut self, directions: &Tensor<f32>, descriptors: &Tensor<f32>) {
        let projections = directions.matmul(false, descriptors, true);
        let rows = projections.data().chunks_exact(descriptors.dims()[0]);
        for (row, borders) in rows.zip(self.borders.chunks_exact_mut(CELLS + 1)) {
            let mut places = [0; 256];
            for projections in row.chunks(places.len()) {
                projections.iter().zip(&mut places).for_each(|(x, place)| *place = place_of(*x));
                for place in &places[..projections.len()] {
                    let (cell, part) = ((place / PARTS) as usize, place % PARTS);
                    borders[cell] += PARTS - part;
                    borders[cell + 1] += part;
                }
            }
        }
    }

    /// Returns the mean Wasserstein distance to the distributions of another set.
    fn distance(&self, other: &Self) -> f64 {
        let directions = self.borders.chunks_exact(CELLS + 1).zip(other.borders.chunks_exact(CELLS + 1));
        directions.map(|(own, other)| wasserstein(own, other)).sum::<f64>() / DIRECTIONS as f64
    }
}

/// Returns the position of a projection, in parts of a cell from -REACH. For NaN, it is any
/// position.
fn place_of(projection: f32) -> u32 {
    const SCALE: f32 = PARTS as f32 / CELL as f32;
    const LAST: f32 = (CELLS as u32 * PARTS - 1) as f32;
    // The last bits of 2^23 + x are x, rounded to an integer. The compiler vectorises this, in
    // contrast to `as u32`.
    let place = ((projection + REACH as f32) * SCALE).clamp(0.0, LAST) + 8_388_608.0;
    place.to_bits() & (CELLS as u32 * PARTS - 1)
}

/// Returns the integral of |F - G| for the distribution functions of two histograms.
fn wasserstein(own: &[u32], other: &[u32]) -> f64 {
    let total = |borders: &[u32]| borders.iter().map(|parts| f64::from(*parts)).sum::<f64>();
    let (n, m) = (total(own), total(other));
    let (mut f, mut g, mut integral) = (0.0, 0.0, 0.0);
    for (own, other) in own.iter().zip(other) {
        f += f64::from(*own);
        g += f64::from(*other);
        integral += (f / n - g / m).abs();
    }
    CELL * integral
}

#[cfg(test)]
mod tests;
