//! Tests that the tables are valid, that each factor has its effect, and that the images never
//! change.

use std::thread;

use sha2::{Digest as _, Sha256};

use super::allographs::DIGITS;
use super::*;

fn grayscale(size: usize) -> Glyphs {
    Glyphs::new(0, Split::Train, size, Palette::Gray)
}

fn image(glyphs: &Glyphs, index: usize) -> Vec<u8> {
    let mut image = vec![0; glyphs.image_len()];
    glyphs.render(index, &mut image);
    image
}

/// The moments of an image: the ink in pixels, the centre of mass, and the slant of the ink.
struct Moments {
    ink: f32,
    x: f32,
    y: f32,
    slant: f32,
}

fn moments(image: &[u8], size: usize) -> Moments {
    let pixels = || {
        image
            .iter()
            .enumerate()
            .map(|(at, &byte)| ((at % size) as f32 + 0.5, (at / size) as f32 + 0.5, f32::from(byte) / 255.0))
    };
    let ink: f32 = pixels().map(|(_, _, mass)| mass).sum();
    let x = pixels().map(|(x, _, mass)| x * mass).sum::<f32>() / ink;
    let y = pixels().map(|(_, y, mass)| y * mass).sum::<f32>() / ink;
    let xy: f32 = pixels().map(|(px, py, mass)| (px - x) * (py - y) * mass).sum();
    let yy: f32 = pixels().map(|(_, py, mass)| (py - y) * (py - y) * mass).sum();
    Moments { ink, x, y, slant: -xy / yy }
}

/// Moments of image `index` with its factors changed.
fn with(index: usize, change: impl Fn(&mut Factors)) -> Moments {
    let glyphs = grayscale(28);
    let mut factors =
        Factors { shift_x: 0.0, shift_y: 0.0, scale: 0.9, stroke_width: 2.5, ..glyphs.factors(index) };
    change(&mut factors);
    let mut image = vec![0; glyphs.image_len()];
    glyphs.render_with(index, &factors, &mut image);
    moments(&image, 28)
}

#[test]
fn tables_are_sound() {
    for (digit, allographs) in DIGITS.iter().enumerate() {
        let shares: f32 = allographs.iter().map(|allograph| allograph.share).sum();
        assert!((shares - 1.0).abs() < 1e-6, "the shares of {digit} sum to {shares}");
        for (way, allograph) in allographs.iter().enumerate() {
            let structure = |pose: &allographs::Pose| -> Vec<Vec<usize>> {
                let arcs = |stroke: &&[_]| stroke.chunk_by(|a, b| a != b).map(<[_]>::len).collect();
                pose.iter().map(arcs).collect()
            };
            let first = structure(&allograph.poses[0]);
            assert!(first.iter().flatten().all(|&points| points >= 2), "a lone point in {digit}, way {way}");
            for pose in allograph.poses {
                assert_eq!(structure(pose), first, "the poses of {digit}, way {way}, don't match");
            }
        }
    }
}

/// The images are part of the interface, because runs are compared across versions. After an
/// intended change of the glyphs, copy the digests that this test prints into `pinned` and describe
/// the change in the changelog.
#[test]
fn images_are_pinned() {
    let digest = |seed, split, size, palette| {
        let glyphs = Glyphs::new(seed, split, size, palette);
        let images: Vec<u8> = (0..200).flat_map(|index| image(&glyphs, index)).collect();
        Sha256::digest(&images).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let found = [
        digest(0, Split::Train, 28, Palette::Gray),
        digest(0, Split::Test, 64, Palette::Gray),
        digest(7, Split::Train, 32, Palette::Rgb),
    ];
    let pinned = [
        "6353632ae2717f6420e972a7a674d552476f8e02db4c6bf9f83bcb4d6faac492",
        "cd7bd2a4fcac3786f3cc6c157873c2b10f594735d26c479ccb3be924574cc61d",
        "b6de36aacb0a49a6eb26a3e91bdcb044c4b0b80d93a25734656c8cac51ddd0fb",
    ];
    assert_eq!(found, pinned);
}

#[test]
fn images_do_not_depend_on_order_or_threads() {
    let glyphs = grayscale(28);
    let forwards: Vec<Vec<u8>> = (0..120).map(|index| image(&glyphs, index)).collect();
    for threads in 1..=3 {
        let parts: Vec<Vec<(usize, Vec<u8>)>> = thread::scope(|scope| {
            let render =
                |first: usize| (first..120).step_by(threads).rev().map(|i| (i, image(&glyphs, i))).collect();
            let handles: Vec<_> = (0..threads).map(|first| scope.spawn(move || render(first))).collect();
            handles.into_iter().map(|handle| handle.join().unwrap()).collect()
        });
        for (index, image) in parts.into_iter().flatten() {
            assert_eq!(image, forwards[index], "image {index} with {threads} threads");
        }
    }
}

#[test]
fn seed_split_and_index_each_make_another_image() {
    let of = |seed, split, index| image(&Glyphs::new(seed, split, 28, Palette::Gray), index);
    let images = [
        of(0, Split::Train, 3),
        of(1, Split::Train, 3),
        of(0, Split::Test, 3),
        of(0, Split::Train, 13),
        of(0, Split::Train, 4),
    ];
    for (index, image) in images.iter().enumerate() {
        assert!(!images[..index].contains(image), "image {index} is a copy");
    }
}

#[test]
fn ink_stays_on_the_page_and_is_never_missing() {
    for size in [28, 45] {
        let glyphs = grayscale(size);
        let page = (size * size) as f32;
        for index in 0..1000 {
            let image = image(&glyphs, index);
            let edge =
                |at: usize| [0, size - 1].contains(&(at % size)) || [0, size - 1].contains(&(at / size));
            assert!(
                (0..image.len()).all(|at| !edge(at) || image[at] == 0),
                "{index} touches the edge at {size}"
            );
            let share = moments(&image, size).ink / page;
            assert!((0.015..0.35).contains(&share), "{index} covers {share} of the page at {size}");
        }
    }
}

#[test]
fn factors_do_what_they_say() {
    for index in 0..100 {
        let plain = with(index, |_| ());
        let off_centre = (plain.x - 14.0).abs().max((plain.y - 14.0).abs());
        assert!(off_centre < 0.7, "{index}: at {}, {}", plain.x, plain.y);

        let moved = with(index, |f| (f.shift_x, f.shift_y) = (1.0, -0.5));
        assert!((moved.x - plain.x - 1.0).abs() < 0.1, "{index}: shift_x moved {}", moved.x - plain.x);
        assert!((moved.y - plain.y + 0.5).abs() < 0.1, "{index}: shift_y moved {}", moved.y - plain.y);

        let ratio = with(index, |f| f.stroke_width = 2.0).ink / with(index, |f| f.stroke_width = 1.0).ink;
        assert!((1.6..2.1).contains(&ratio), "{index}: twice the stroke width gave {ratio} times the ink");

        let ratio = with(index, |f| f.scale = 0.9).ink / with(index, |f| f.scale = 0.6).ink;
        assert!((1.3..1.9).contains(&ratio), "{index}: scale gave {ratio} times the ink");
    }
}

#[test]
fn slant_and_rotation_lean_a_one() {
    let upright = |f: &mut Factors| {
        *f = Factors { allograph: 0, slant: 0.0, rotation: 0.0, wobble: 0.0, aspect: 1.0, ..*f };
    };
    for index in (1..200).step_by(10) {
        let leaning = |slant: f32, rotation: f32| {
            with(index, |f| {
                upright(f);
                (f.slant, f.rotation) = (slant, rotation);
            })
            .slant
        };
        let straight = leaning(0.0, 0.0);
        assert!((leaning(0.3, 0.0) - straight - 0.3).abs() < 0.06, "{index}: {}", leaning(0.3, 0.0));
        // A clockwise turn leans the top to the right.
        assert!(
            (leaning(0.0, 0.3) - straight - 0.3_f32.tan()).abs() < 0.06,
            "{index}: {}",
            leaning(0.0, 0.3)
        );
    }
}

/// A glyph equals the same glyph drawn at twice the size and averaged over 2 x 2 pixels, up to the
/// error of antialiasing.
#[test]
fn sizes_show_the_same_writing() {
    let (small, large) = (grayscale(28), grayscale(56));
    for index in 0..50 {
        let (small, large) = (image(&small, index), image(&large, index));
        let averaged = (0..28 * 28).map(|at| {
            let corner = at / 28 * 2 * 56 + at % 28 * 2;
            [0, 1, 56, 57].map(|offset| f32::from(large[corner + offset])).iter().sum::<f32>() / 4.0
        });
        let differences: Vec<f32> = averaged.zip(&small).map(|(a, &b)| (a - f32::from(b)).abs()).collect();
        let mean = differences.iter().sum::<f32>() / differences.len() as f32;
        assert!(mean < 2.0, "{index}: {mean} of 255 apart on average");
    }
}

#[test]
fn color_is_the_gray_image_between_paper_and_ink() {
    let (gray, rgb) = (grayscale(32), Glyphs::new(0, Split::Train, 32, Palette::Rgb));
    for index in 0..20 {
        let factors = rgb.factors(index);
        let (paper, ink) =
            (tint::tone(factors.paper_hue, tint::PAPER), tint::tone(factors.ink_hue, tint::INK));
        for (colored, covered) in image(&rgb, index).chunks_exact(3).zip(image(&gray, index)) {
            for channel in 0..3 {
                let exact = paper[channel] + f32::from(covered) / 255.0 * (ink[channel] - paper[channel]);
                assert!((f32::from(colored[channel]) - exact).abs() <= 1.01, "{index}");
            }
        }
    }
}

#[test]
fn classes_take_turns() {
    let glyphs = grayscale(28);
    for index in 0..40 {
        let factors = glyphs.factors(index);
        assert_eq!(usize::from(factors.class), index % 10);
        assert!(factors.allograph < super::allographs::of(factors.class).len());
    }
}

#[test]
#[should_panic(expected = "glyphs of 8 pixels")]
fn tiny_pages_are_rejected() {
    grayscale(8);
}
