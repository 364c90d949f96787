//! Tests the modes, and the resampler against its definition.

use super::*;

const BLACK: [u8; 3] = [0; 3];

/// Fits an image as stored digits are fitted.
fn fit(stored: &[u8], shape: [usize; 2], channels: usize, size: usize) -> Vec<u8> {
    let mut fitted = vec![77; size * size * channels];
    Fit::new(FitMode::Margin, shape, channels, size, &BLACK[..channels]).apply(stored, &mut fitted);
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
fn an_image_is_enlarged_if_one_side_is() {
    use FitMode::{Crop, Margin, Pad, Stretch};
    for (mode, shape, expected) in [
        (Crop, [40, 39], true),
        (Crop, [40, 40], false),
        (Crop, [100, 41], false),
        (Stretch, [100, 39], true),
        (Stretch, [100, 40], false),
        (Pad, [20, 39], true),
        (Pad, [20, 40], false),
        (Margin, [32, 32], false),
        (Margin, [28, 28], true),
    ] {
        assert_eq!(Fit::new(mode, shape, 1, 40, &[0]).enlarges(), expected, "{mode:?} {shape:?}");
    }
}

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

const COLOR: [u8; 3] = [250, 3, 77];

/// Fits an image. The background is [`COLOR`].
fn fit_as(mode: FitMode, stored: &[u8], shape: [usize; 2], channels: usize, size: usize) -> Vec<u8> {
    let mut fitted = vec![99; size * size * channels];
    Fit::new(mode, shape, channels, size, &COLOR[..channels]).apply(stored, &mut fitted);
    fitted
}

/// Pixels of 0 to 255 without a pattern.
fn noise(shape: [usize; 2], channels: usize) -> Vec<u8> {
    let hash = |index: usize| ((index as u32).wrapping_mul(2_654_435_761) ^ 0x9e37) >> 13;
    (0..shape[0] * shape[1] * channels).map(|index| hash(index) as u8).collect()
}

/// Keys' cubic at the distance of each of `from` source pixels from the centre of output pixel
/// `pixel` of `to`, in units of the wider pixel. The weights sum to 1.
fn exact_weights(from: usize, to: usize, pixel: usize) -> Vec<f64> {
    let ratio = from as f64 / to as f64;
    let centre = (pixel as f64 + 0.5) * ratio - 0.5;
    let keys = |x: f64| match x {
        x if x < 1.0 => 1.5 * x.powi(3) - 2.5 * x.powi(2) + 1.0,
        x if x < 2.0 => -0.5 * x.powi(3) + 2.5 * x.powi(2) - 4.0 * x + 2.0,
        _ => 0.0,
    };
    let weights: Vec<f64> =
        (0..from).map(|source| keys((source as f64 - centre).abs() / ratio.max(1.0))).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / total).collect()
}

/// The definition of resampling to `to[0]` x `to[1]` pixels: for each output pixel, a sum over all
/// source pixels, limited to 0..=255 and not rounded.
fn exact(stored: &[u8], from: [usize; 2], channels: usize, to: [usize; 2]) -> Vec<f64> {
    let [rows, columns] =
        [0, 1].map(|axis| (0..to[axis]).map(|pixel| exact_weights(from[axis], to[axis], pixel)).collect());
    let (rows, columns): (Vec<_>, Vec<_>) = (rows, columns);
    let mut all = vec![];
    for row in &rows {
        for column in &columns {
            for channel in 0..channels {
                let mut sum = 0.0;
                for (y, along_y) in row.iter().enumerate() {
                    for (x, along_x) in column.iter().enumerate() {
                        sum += along_y * along_x * f64::from(stored[(y * from[1] + x) * channels + channel]);
                    }
                }
                all.push(sum.clamp(0.0, 255.0));
            }
        }
    }
    all
}

/// Asserts that bytes are the exact values, rounded.
#[track_caller]
fn assert_rounded(bytes: &[u8], exact: &[f64], case: &str) {
    assert_eq!(bytes.len(), exact.len());
    for (index, (&byte, exact)) in bytes.iter().zip(exact).enumerate() {
        assert!((f64::from(byte) - exact).abs() < 0.501, "{case}, byte {index}: {byte}, exact {exact}");
    }
}

#[test]
fn stretching_equals_its_definition() {
    let cases =
        [([28, 28], 16), ([28, 28], 61), ([37, 50], 16), ([50, 37], 43), ([9, 121], 32), ([1, 7], 19)];
    for (shape, size) in cases {
        for channels in [1, 3] {
            let stored = noise(shape, channels);
            let fitted = fit_as(FitMode::Stretch, &stored, shape, channels, size);
            let exact = exact(&stored, shape, channels, [size; 2]);
            assert_rounded(&fitted, &exact, &format!("{shape:?} x {channels} to {size}"));
        }
    }
}

/// A square with a dark marker in its centre stays symmetric, and the bright pixels outside of the
/// square have no effect.
#[test]
fn cropping_keeps_the_centre() {
    for (shape, side) in [([90, 40], 40), ([40, 90], 40), ([33, 47], 33), ([47, 33], 33), ([64, 64], 64)] {
        let [top, left] = shape.map(|all| (all - side) / 2);
        let pixel = |index: usize| {
            let (y, x) = ((index / shape[1]).wrapping_sub(top), (index % shape[1]).wrapping_sub(left));
            let in_marker = |at: usize| (side / 3..side - side / 3).contains(&at);
            match y < side && x < side {
                false => 255,
                true if in_marker(y) && in_marker(x) => 20,
                true => 120,
            }
        };
        let stored: Vec<u8> = (0..shape[0] * shape[1]).map(pixel).collect();
        for size in [16, 31, side, 64, 77] {
            let fitted = fit_as(FitMode::Crop, &stored, shape, 1, size);
            let at = |y: usize, x: usize| fitted[y * size + x];
            assert_eq!((at(0, 0), at(size / 2, size / 2)), (120, 20), "{shape:?} to {size}");
            for (y, x) in (0..size * size).map(|index| (index / size, index % size)) {
                assert!(at(y, x) < 150, "{shape:?} to {size}: a pixel from outside at {y}, {x}");
                assert!(at(y, x).abs_diff(at(size - 1 - y, x)) <= 1, "{shape:?} to {size}: {y}, {x}");
                assert!(at(y, x).abs_diff(at(y, size - 1 - x)) <= 1, "{shape:?} to {size}: {y}, {x}");
            }
        }
    }
}

#[test]
fn cropping_to_the_stored_size_copies_the_square() {
    let stored = noise([20, 27], 3);
    let fitted = fit_as(FitMode::Crop, &stored, [20, 27], 3, 20);
    for (from, to) in stored.chunks_exact(27 * 3).zip(fitted.chunks_exact(20 * 3)) {
        assert_eq!(from[3 * 3..][..20 * 3], *to);
    }
}

/// Each case has the stored height and width, the size, and the height and width of the shown
/// image.
#[test]
fn padding_shows_the_whole_image_on_the_background() {
    let cases = [
        ([30, 40], 64, [48, 64]),
        ([40, 30], 20, [20, 15]),
        ([33, 100], 50, [17, 50]), // 16.5
        ([1, 400], 16, [1, 16]),   // 0.04
        ([400, 3], 64, [64, 1]),   // 0.48
        ([64, 32], 64, [64, 32]),  // copied
        ([25, 25], 30, [30, 30]),  // no background
    ];
    for (shape, size, shown) in cases {
        for channels in [1, 3] {
            let stored = noise(shape, channels);
            let fitted = fit_as(FitMode::Pad, &stored, shape, channels, size);
            let [top, left] = shown.map(|side| (size - side) / 2);
            let mut inside = vec![];
            for (index, pixel) in fitted.chunks_exact(channels).enumerate() {
                let (y, x) = (index / size, index % size);
                if (top..top + shown[0]).contains(&y) && (left..left + shown[1]).contains(&x) {
                    inside.extend(pixel);
                } else {
                    assert_eq!(pixel, &COLOR[..channels], "{shape:?} to {size}: {y}, {x}");
                }
            }
            let exact = exact(&stored, shape, channels, shown);
            assert_rounded(&inside, &exact, &format!("{shape:?} x {channels} to {size}"));
        }
    }
}

/// An image of one colour keeps it, whatever its proportions are.
#[test]
fn extreme_proportions_are_fitted() {
    for shape in [[1, 1], [1, 2], [1, 5_000], [30_000, 1], [2, 999], [70_001, 2]] {
        for (size, channels) in [(16, 1), (16, 3), (512, 1), (512, 3)] {
            let stored = [9, 200, 255][..channels].repeat(shape[0] * shape[1]);
            for mode in [FitMode::Margin, FitMode::Crop, FitMode::Stretch] {
                let fitted = fit_as(mode, &stored, shape, channels, size);
                let whole = [9, 200, 255][..channels].repeat(size * size);
                assert!(fitted == whole, "{mode} of {shape:?} x {channels} to {size}");
            }
            let fitted = fit_as(FitMode::Pad, &stored, shape, channels, size);
            let colored = fitted.chunks_exact(channels).filter(|pixel| *pixel == &stored[..channels]).count();
            let shorter = if shape == [1, 2] { size / 2 } else { 1 };
            let shown = if shape == [1, 1] { size * size } else { size * shorter };
            assert_eq!(colored, shown, "pad of {shape:?} x {channels} to {size}");
        }
    }
}

#[test]
fn users_choose_between_three_modes() {
    use adjoint_tensor::Named;
    assert_eq!(FitMode::CHOICES.map(FitMode::name), ["crop", "pad", "stretch"]);
    assert!(FitMode::CHOICES.iter().all(|mode| FitMode::of_name(mode.name()) == Some(*mode)));
}

#[test]
#[should_panic(expected = "bytes of the stored image")]
fn an_image_of_another_size_panics() {
    Fit::new(FitMode::Crop, [4, 5], 3, 16, &COLOR).apply(&[0; 59], &mut [0; 16 * 16 * 3]);
}
