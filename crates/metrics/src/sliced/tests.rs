use super::*;

/// Returns the mean Wasserstein distance of two sets of descriptors (N, D), one per row.
fn distance(a: &Tensor<f32>, b: &Tensor<f32>, directions: &Tensor<f32>) -> f64 {
    let [a, b] = [a, b].map(|rows| {
        let mut all = Distributions::new();
        all.add(directions, rows);
        all
    });
    a.distance(&b)
}

/// Returns [`DIRECTIONS`] copies of one direction.
fn copies(direction: &[f32]) -> Tensor<f32> {
    Tensor::from_slice([DIRECTIONS, direction.len()], &direction.repeat(DIRECTIONS))
}

fn column(numbers: &[f32]) -> Tensor<f32> {
    Tensor::from_slice([numbers.len(), 1], numbers)
}

/// Images of soft blobs with noise on them, which have details of every size.
fn images(index: u64, count: usize, size: usize, channels: usize) -> Tensor<f32> {
    let mut stream = Stream::new(3, "images", index);
    Tensor::build([count, size, size, channels], |out: &mut [f32]| {
        for image in out.chunks_exact_mut(size * size * channels) {
            let [x, y, r] = [0.2, 0.2, 0.05].map(|low| size as f64 * (low + 0.4 * stream.uniform()));
            for (i, pixel) in image.chunks_exact_mut(channels).enumerate() {
                let square = ((i % size) as f64 - x).powi(2) + ((i / size) as f64 - y).powi(2);
                let blob = 0.7 * (-square / (r * r)).exp();
                let values = pixel.iter_mut().enumerate();
                values.for_each(|(c, value)| {
                    *value = (blob / (c + 1) as f64 + 0.2 * stream.uniform()) as f32;
                });
            }
        }
    })
}

fn distances(a: &Tensor<f32>, b: &Tensor<f32>) -> Vec<f64> {
    Projections::of(a, 1).distances(&Projections::of(b, 1))
}

/// Sorted, the sets are (0, 1, 3) and (1, 4, 5): the distance is (1 + 3 + 2) / 3. Sets of different
/// sizes: a half of (0, 2) goes to 1/3, from each side, and so on.
#[test]
fn sets_on_a_line_have_the_distance_of_their_sorted_numbers() {
    let line = copies(&[1.0]);
    let of = |a: &[f32], b: &[f32]| distance(&column(a), &column(b), &line);
    assert!((of(&[3.0, 0.0, 1.0], &[5.0, 1.0, 4.0]) - 2.0).abs() < 1e-12);
    assert!((of(&[0.0, 2.0], &[1.0]) - 1.0).abs() < 1e-12);
    assert_eq!(of(&[0.25, -7.5], &[-7.5, 0.25]), 0.0);
    // A distance below the width of a cell, to a hundredth of it.
    let near = of(&[0.3001, 0.3002], &[0.3051, 0.3052]);
    assert!((near - 0.005).abs() < 0.01 * CELL, "{near}");
    // What is out of reach counts as the end of the range.
    assert!((of(&[0.0], &[1e9]) - REACH).abs() < 0.01 * CELL);
    // Negative directions.
    assert!((distance(&column(&[1.0]), &column(&[3.0]), &copies(&[-0.5])) - 1.0).abs() < 1e-12);
}

/// N(0, I) in d dimensions, moved by a vector of length m: a projection moves by m times the cosine
/// of an angle. Its mean absolute value is m Gamma(d/2) / (sqrt(pi) Gamma((d+1)/2)), which is m / 2
/// for d = 3. Scaled by s instead, a projection N(0, 1) becomes N(0, s^2), at the distance |s - 1|
/// sqrt(2/pi).
#[test]
fn normal_distributions_have_the_distance_of_the_closed_form() {
    let normal: Tensor<f32> = Stream::new(1, "x", 0).normal_tensor([20_000, 3], 0.0, 1.0);
    let draws: Vec<Tensor<f32>> = (0..16)
        .map(|i| {
            let mut directions = Stream::new(1, "directions", i).normal_tensor([DIRECTIONS, 3], 0.0, 1.0);
            for row in directions.data_mut().chunks_exact_mut(3) {
                let length = row.iter().map(|x: &f32| x * x).sum::<f32>().sqrt();
                row.iter_mut().for_each(|x| *x /= length);
            }
            directions
        })
        .collect();
    let mean = |other: &Tensor<f32>| {
        draws.iter().map(|directions| distance(&normal, other, directions)).sum::<f64>() / draws.len() as f64
    };
    let moved = mean(&normal.zip(&Tensor::from_slice([3], &[1.2, 0.0, 1.6]), |x, by| x + by));
    // The absolute value of a cosine is uniform on [0, 1] for d = 3. The mean of 2048 of them,
    // times 2, has a standard deviation of 0.013.
    assert!((moved - 1.0).abs() < 0.04, "{moved}");
    let scaled = mean(&normal.map(|x| 1.5 * x));
    assert!((scaled - 0.5 * (2.0 / std::f64::consts::PI).sqrt()).abs() < 0.01, "{scaled}");
}

/// Computes the distance of one level by the definition: all descriptors, normalised in f64,
/// projected and sorted.
fn sorted(a: &Tensor<f32>, b: &Tensor<f32>, draw: &Draw) -> f64 {
    let [a, b] = [a, b].map(|level| {
        let [n, _, width, channels] = level.shape().nhwc();
        let mut rows: Vec<Vec<f64>> = vec![];
        for i in 0..n {
            let image = level.narrow(0, i, 1);
            for [row, column] in &draw.positions {
                let at = |j: usize| {
                    let (y, x, c) = (j / channels / SIDE, j / channels % SIDE, j % channels);
                    f64::from(image.data()[((row + y) * width + column + x) * channels + c])
                };
                rows.push((0..SIDE * SIDE * channels).map(at).collect());
            }
        }
        for c in 0..channels {
            let of_channel =
                |row: &Vec<f64>| row.iter().skip(c).step_by(channels).copied().collect::<Vec<_>>();
            let all: Vec<f64> = rows.iter().flat_map(of_channel).collect();
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / all.len() as f64;
            for row in &mut rows {
                row.iter_mut().skip(c).step_by(channels).for_each(|x| *x = (*x - mean) / variance.sqrt());
            }
        }
        rows
    });
    let directions = draw.directions.data().chunks_exact(draw.directions.dims()[1]);
    let of_direction = |direction: &[f32]| {
        let [a, b] = [&a, &b].map(|rows| {
            let dot = |row: &Vec<f64>| row.iter().zip(direction).map(|(x, d)| x * f64::from(*d)).sum();
            let mut projections: Vec<f64> = rows.iter().map(dot).collect();
            projections.sort_by(f64::total_cmp);
            projections
        });
        a.iter().zip(&b).map(|(a, b)| (a - b).abs()).sum::<f64>() / a.len() as f64
    };
    directions.map(of_direction).sum::<f64>() / DIRECTIONS as f64
}

/// The pieces end after 64 images, so the sets have more.
#[test]
fn the_distance_is_its_definition() {
    for channels in [1, 3] {
        let [a, b] = [0, 1].map(|index| images(index, 70, 32, channels));
        let b = b.map(|x| x * x);
        let pyramids = [&a, &b].map(laplacian::pyramid);
        for (i, got) in distances(&a, &b).into_iter().enumerate() {
            let [a, b] = [0, 1].map(|set: usize| &pyramids[set][i]);
            let [_, height, width, _] = a.shape().nhwc();
            let draws = (0..DRAWS).map(|draw| {
                sorted(a, b, &Draw::new([height, width, channels], 1, (DRAWS * i + draw) as u64))
            });
            let want = draws.sum::<f64>() / DRAWS as f64;
            assert!(want > 0.01 && (got - want).abs() < 2e-3 * want, "{got} for {want} at level {i}");
        }
    }
}

#[test]
fn positions_are_different_and_inside() {
    for (size, count) in [(16, 100), (28, 128), (7, 1)] {
        let Draw { mut positions, directions } = Draw::new([size, size, 3], 1, 0);
        positions.sort_unstable();
        positions.dedup();
        assert_eq!(positions.len(), count);
        assert!(positions.as_flattened().iter().all(|&at| at + SIDE <= size));
        for direction in directions.data().chunks_exact(SIDE * SIDE * 3) {
            assert!((direction.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
        }
    }
    let first = |seed: u64, index: u64| Draw::new([32, 32, 1], seed, index).positions[0];
    assert!(first(1, 0) != first(1, 1) && first(1, 0) != first(2, 0));
}

/// Brighter images differ only in the coarsest level, and there normalisation removes the
/// difference. So does it remove a change of contrast.
#[test]
fn equal_shifted_and_scaled_sets_have_no_distance() {
    for channels in [1, 3] {
        let set = images(0, 20, 32, channels);
        assert_eq!(distances(&set, &set), [0.0, 0.0]);
        // The numbers differ by rounding alone: 1e-7 of a pixel, at a contrast of 0.06.
        for other in [set.map(|x| x + 0.1), set.map(|x| 0.5 * x)] {
            assert!(distances(&set, &other).iter().all(|distance| *distance < 2e-5));
        }
    }
}

/// The fine level of a blurred set is further away than that of other images of the same kind. The
/// coarse level hardly changes.
#[test]
fn a_blur_changes_the_fine_level_alone() {
    let set = images(0, 100, 32, 1);
    let base = distances(&set, &images(1, 100, 32, 1));
    let levels = laplacian::pyramid(&set);
    // Each pixel of the details becomes the mean of three.
    let blurred = Tensor::build([100, 32, 32, 1], |out| {
        let (whole, fine) = (set.data(), levels[0].data());
        for (i, out) in out.iter_mut().enumerate() {
            let (row, column) = (i / 32 % 32, i % 32);
            let next = [0, usize::from(column < 31), if row < 31 { 32 } else { 0 }];
            let around = next.iter().map(|by| fine[i + by]).sum::<f32>() / 3.0;
            *out = whole[i] - fine[i] + around;
        }
    });
    let of_blurred = distances(&set, &blurred);
    assert!(of_blurred[0] > 3.0 * base[0], "{of_blurred:?}, {base:?} without blur");
    assert!(of_blurred[1] < 0.1 * base[1], "{of_blurred:?}, {base:?} without blur");
}

/// Constant images have no details to normalise. Their descriptors are all 0, and not rounding
/// errors that were scaled up.
#[test]
fn constant_images_have_descriptors_of_zero() {
    let constant = Tensor::full([5, 32, 32, 3], 0.3);
    assert_eq!(distances(&constant, &constant.map(|x| 2.0 * x)), [0.0, 0.0]);
    let set = images(0, 5, 32, 3);
    assert!(distances(&constant, &set).iter().all(|distance| (0.1..2.0).contains(distance)));
}

#[test]
fn a_set_that_is_not_finite_has_no_distance() {
    let set = images(0, 5, 32, 1);
    for x in [f32::NAN, f32::INFINITY] {
        let mut other = set.clone();
        other.data_mut()[0] = x;
        assert!(distances(&set, &other).iter().all(|distance| distance.is_nan()), "{x}");
    }
}
