//! Tests decoding of each format and conversion to 8-bit RGB.
#![forbid(unsafe_code)]

mod files;

use image::codecs::gif::GifEncoder;
use image::{DynamicImage, Frame, ImageFormat, Rgb, RgbImage, RgbaImage};

use adjoint_decode::{Decoder, decode};
use files::*;

const WHITE: [u8; 3] = [255; 3];
const LOSSLESS: [ImageFormat; 3] = [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp];

fn pixels(file: &[u8]) -> RgbImage {
    decode(file, WHITE).unwrap()
}

#[track_caller]
fn assert_broken(file: &[u8], words: &str) {
    let problem = decode(file, WHITE).expect_err("it is broken");
    assert!(problem.contains(words) && !problem.contains('\n'), "{problem}");
}

#[track_caller]
fn assert_near(image: &RgbImage, [x, y]: [u32; 2], color: [u8; 3], within: u8) {
    let found = image.get_pixel(x, y).0;
    assert!(found.iter().zip(color).all(|(a, b)| a.abs_diff(b) <= within), "{found:?} instead of {color:?}");
}

#[test]
fn each_format_is_decoded() {
    let image = gradient(13, 7);
    for format in LOSSLESS {
        assert_eq!(pixels(&encode(image.clone(), format)), image, "{format:?}");
    }
    // At most 256 colours, so a GIF holds them all.
    let few = RgbImage::from_fn(9, 5, |x, y| Rgb([(x * 20) as u8, (y * 40) as u8, 7]));
    assert_eq!(pixels(&encode(few.clone(), ImageFormat::Gif)), few);
    let quarters = |file: &[u8], within| {
        let image = pixels(file);
        assert_eq!(image.dimensions(), (16, 16));
        for (at, color) in
            [([3, 3], [255, 0, 0]), ([12, 3], [0, 200, 0]), ([3, 12], [0, 0, 255]), ([12, 12], [90; 3])]
        {
            assert_near(&image, at, color, within);
        }
        image
    };
    let from_webp = quarters(&lossy_webp(), 8);
    quarters(&progressive_jpeg(), 3);
    quarters(&encode(from_webp, ImageFormat::Jpeg), 20);
}

/// The header announces the memory: of the stored pixels with those in RGB, or twice that of RGB.
#[test]
fn the_memory_is_known_before_decoding() {
    let memory = |image: DynamicImage| Decoder::new(&encode(image, ImageFormat::Png)).unwrap().memory();
    assert_eq!(memory(DynamicImage::new_luma8(20, 10)), 200 * (3 + 3));
    assert_eq!(memory(DynamicImage::new_rgb8(20, 10)), 200 * (3 + 3));
    assert_eq!(memory(DynamicImage::new_rgba8(20, 10)), 200 * (4 + 3));
    assert_eq!(memory(DynamicImage::new_rgba16(20, 10)), 200 * (8 + 3));
}

#[test]
fn one_pixel_is_an_image() {
    for format in LOSSLESS.into_iter().chain([ImageFormat::Gif, ImageFormat::Jpeg]) {
        let image = RgbImage::from_pixel(1, 1, Rgb([8, 8, 8]));
        assert_eq!(pixels(&encode(image.clone(), format)), image, "{format:?}");
    }
}

/// Source: Exif 2.32, section 4.6.4.A, tag 274: the visual position of row 0 and column 0.
#[test]
fn each_orientation_is_applied() {
    // Blocks of 8 x 8 survive JPEG: red at the left of a row of three, then green and blue.
    let colors = [[220, 20, 20], [20, 200, 20], [20, 20, 220]];
    let stored = RgbImage::from_fn(24, 16, |x, y| {
        let [r, g, b] = colors[x as usize / 8];
        if y < 8 { Rgb([r, g, b]) } else { Rgb([r / 2, g / 2, b / 2]) }
    });
    let jpeg = encode(stored.clone(), ImageFormat::Jpeg);
    let (w, h) = stored.dimensions();
    for orientation in 1..=8 {
        let shown = pixels(&with_orientation(&jpeg, orientation));
        assert_eq!(shown.dimensions(), if orientation < 5 { (w, h) } else { (h, w) }, "{orientation}");
        for (x, y) in [(4, 4), (12, 4), (20, 4), (4, 12), (12, 12), (20, 12)] {
            let (left, top, right, bottom) = (x, y, w - 1 - x, h - 1 - y);
            let at = match orientation {
                1 => [left, top],
                2 => [right, top],
                3 => [right, bottom],
                4 => [left, bottom],
                5 => [top, left],
                6 => [bottom, left],
                7 => [bottom, right],
                _ => [top, right],
            };
            assert_near(&shown, at, stored.get_pixel(x, y).0, 12);
        }
    }
    // Values that Exif does not define have no effect.
    for orientation in [0, 9, 255] {
        assert_eq!(pixels(&with_orientation(&jpeg, orientation)), pixels(&jpeg), "{orientation}");
    }
}

#[test]
fn alpha_is_composed_on_the_background() {
    let half = |format| decode(&rgba(format, [200, 0, 100, 128]), [10, 20, 255]).unwrap();
    // (128 f + 127 b) / 255
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        assert_eq!(half(format).get_pixel(1, 1).0, [105, 10, 177], "{format:?}");
    }
    let clear = rgba(ImageFormat::Png, [1, 2, 3, 0]);
    assert_eq!(pixels(&clear).get_pixel(0, 0).0, WHITE);
    assert_eq!(decode(&clear, [7, 8, 9]).unwrap().get_pixel(0, 0).0, [7, 8, 9]);
    assert_eq!(pixels(&rgba(ImageFormat::Png, [1, 2, 3, 255])).get_pixel(2, 2).0, [1, 2, 3]);
    let gray = decode(&gray_alpha_png(100, 51), [0, 50, 200]).unwrap();
    assert_eq!(gray.get_pixel(1, 1).0, [20, 60, 180]);
}

#[test]
fn palettes_cmyk_gray_and_16_bits_become_rgb() {
    let palette = pixels(&palette_png());
    let colors: Vec<_> = palette.pixels().map(|pixel| pixel.0).collect();
    assert_eq!(colors, [[255, 0, 0], [0, 255, 0], [127, 127, 255], WHITE]);
    assert_eq!(pixels(&gray_png(2, 2, 77)).get_pixel(1, 1).0, [77; 3]);
    assert_eq!(pixels(&png_16([0x8080, 0xffff, 0x00ff])).get_pixel(0, 0).0, [0x80, 0xff, 1]);
    let gray = encode(
        DynamicImage::ImageRgb8(RgbImage::from_pixel(8, 8, Rgb([50; 3]))).into_luma8(),
        ImageFormat::Jpeg,
    );
    assert_near(&pixels(&gray), [4, 4], [50; 3], 3);
    // The values of Pillow's conversion to RGB.
    let cmyk = pixels(&cmyk_jpeg());
    let quarters =
        [([3, 3], [0, 255, 255]), ([12, 3], [204, 0, 204]), ([3, 12], [255, 255, 0]), ([12, 12], [51; 3])];
    for (at, color) in quarters {
        assert_near(&cmyk, at, color, 3);
    }
}

#[test]
fn the_first_frame_is_decoded() {
    let frame = |color| Frame::new(RgbaImage::from_pixel(4, 4, image::Rgba(color)));
    let mut gif = Vec::new();
    GifEncoder::new(&mut gif).encode_frames([frame([255, 0, 0, 255]), frame([0, 255, 0, 255])]).unwrap();
    for file in [gif, animated_webp()] {
        assert_eq!(pixels(&file).get_pixel(1, 1).0, [255, 0, 0]);
    }
}

#[test]
fn files_that_end_early_are_broken() {
    let image = gradient(40, 30);
    let formats = LOSSLESS.into_iter().chain([ImageFormat::Gif, ImageFormat::Jpeg]);
    let files = formats.map(|format| encode(image.clone(), format)).chain([
        progressive_jpeg(),
        cmyk_jpeg(),
        lossy_webp(),
        with_orientation(&encode(image.clone(), ImageFormat::Jpeg), 6),
    ]);
    for (number, file) in files.enumerate() {
        assert!(decode(&file, WHITE).is_ok(), "file {number}");
        // The last bytes of some files are padding.
        for part in 0..48 {
            let kept = file.len() * part / 50;
            assert!(decode(&file[..kept], WHITE).is_err(), "{kept} bytes of {} of file {number}", file.len());
        }
    }
    let jpeg = encode(image, ImageFormat::Jpeg);
    assert_broken(&jpeg[..jpeg.len() - 2], "ends early");
    // A whole thumbnail inside an image that ends early does not count.
    let thumbnail = encode(gradient(4, 4), ImageFormat::Jpeg);
    let length = (thumbnail.len() as u16 + 2).to_be_bytes();
    let with_thumbnail = [&jpeg[..2], b"\xff\xe1", &length, &thumbnail, &jpeg[2..jpeg.len() / 2]].concat();
    assert_broken(&with_thumbnail, "ends early");
}

#[test]
fn other_content_is_broken() {
    assert_broken(b"", "not a PNG, JPEG, WebP, BMP or GIF");
    assert_broken(b"hello\nworld", "not a PNG, JPEG, WebP, BMP or GIF");
    assert_broken(b"II*\0\x08\0\0\0\0\0\0\0", "not a PNG, JPEG, WebP, BMP or GIF");
    assert_broken(&[0; 1000], "not a PNG");
    assert_broken(b"\xff\xd8\xff\xd9", "");
}

#[test]
fn images_without_pixels_are_broken() {
    let mut gif = encode(gradient(2, 2), ImageFormat::Gif);
    gif[6..8].copy_from_slice(&[0, 0]);
    assert_broken(&gif, "it has no pixels");
    let mut bmp = encode(gradient(2, 2), ImageFormat::Bmp);
    bmp[22..26].copy_from_slice(&[0; 4]);
    assert_broken(&bmp, "2x0");
}

#[test]
fn decompression_bombs_are_rejected() {
    assert_broken(&png_bomb(30_000), "larger than 16384 x 16384 pixels");
    // 16,000 x 16,000 x 3 bytes.
    assert_broken(&png_bomb(16_000), "or than 512 MB when decoded");
    let jpeg = encode(gradient(16, 16), ImageFormat::Jpeg);
    assert_broken(&jpeg_bomb(jpeg.clone(), 30_000), "larger than 16384 x 16384 pixels");
    assert_broken(&jpeg_bomb(jpeg, 16_000), "or than 512 MB when decoded");
    let mut gif = encode(gradient(2, 2), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[0x30, 0x75, 0x30, 0x75]);
    assert_broken(&gif, "larger than 16384 x 16384 pixels");
    let mut bmp = encode(gradient(2, 2), ImageFormat::Bmp);
    bmp[18..26].copy_from_slice(&[30_000_u32.to_le_bytes(), 30_000_u32.to_le_bytes()].concat());
    assert_broken(&bmp, "larger than 16384 x 16384 pixels");
}

/// The decoder of WebP reserves the bytes that the header of a chunk announces. So such a file is
/// rejected before the decoder has it.
#[test]
fn chunks_that_end_after_the_file_are_rejected() {
    let whole = [false, true].map(|in_frame| exif_webp(4, in_frame));
    whole.iter().for_each(|file| assert_eq!(pixels(file).dimensions(), (1, 1)));
    for in_frame in [false, true] {
        for size in [6, 1000, 0xffff_fff0, u32::MAX] {
            let problem = Decoder::new(&exif_webp(size, in_frame)).map(|_| ()).expect_err("it is broken");
            assert_eq!(problem, "the file ends early", "{size} {in_frame}");
        }
    }
    // What follows the RIFF is not a part of the image.
    for file in whole.into_iter().chain([lossy_webp(), encode(gradient(3, 3), ImageFormat::WebP)]) {
        let longer = [&file[..], b"EXIF\xf0\xff\xff\xffMM\0*"].concat();
        assert_eq!(pixels(&longer), pixels(&file));
    }
}

/// Random damage gives an error or some pixels, but no panic.
#[test]
fn damaged_files_do_not_panic() {
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let formats = LOSSLESS.into_iter().chain([ImageFormat::Gif, ImageFormat::Jpeg]);
    let files = formats.map(|format| encode(gradient(24, 24), format)).chain([
        progressive_jpeg(),
        cmyk_jpeg(),
        lossy_webp(),
        animated_webp(),
        palette_png(),
    ]);
    let mut results = [0; 2];
    for file in files {
        for _ in 0..200 {
            let mut damaged = file.clone();
            for _ in 0..1 + random(4) {
                let at = random(damaged.len());
                damaged[at] = random(256) as u8;
            }
            results[usize::from(decode(&damaged, WHITE).is_ok())] += 1;
        }
    }
    assert!(results.iter().all(|&count| count > 100), "errors and images: {results:?}");
}
