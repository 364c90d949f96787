//! Image files for tests: encoded by `image`, changed by hand, or written by Pillow 12.

use std::io::Cursor;

use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba};

/// An image whose pixels all differ: red and green are the column and the row.
pub(crate) fn gradient(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 9) as u8, (y * 9) as u8, (x * y % 251) as u8]))
}

pub(crate) fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.into().write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// A PNG of one gray level.
pub(crate) fn gray_png(width: u32, height: u32, level: u8) -> Vec<u8> {
    encode(ImageBuffer::from_pixel(width, height, Luma([level])), ImageFormat::Png)
}

pub(crate) fn png_16(levels: [u16; 3]) -> Vec<u8> {
    encode(ImageBuffer::from_pixel(2, 1, Rgb(levels)), ImageFormat::Png)
}

pub(crate) fn gray_alpha_png(level: u8, alpha: u8) -> Vec<u8> {
    encode(ImageBuffer::from_pixel(2, 2, LumaA([level, alpha])), ImageFormat::Png)
}

pub(crate) fn rgba(format: ImageFormat, pixel: [u8; 4]) -> Vec<u8> {
    encode(ImageBuffer::from_pixel(3, 3, Rgba(pixel)), format)
}

/// A PNG of 4 x 1 pixels with a palette of 2 bits: red, green, blue at half alpha, transparent.
pub(crate) fn palette_png() -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 4, 1);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Two);
    encoder.set_palette(vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]);
    encoder.set_trns(vec![255, 255, 128, 0]);
    encoder.write_header().unwrap().write_image_data(&[0b00_01_10_11]).unwrap();
    file
}

/// A JPEG with an EXIF segment that has the orientation as its only entry.
pub(crate) fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let tiff =
        [b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", &[orientation][..], b"\0\0\0\0\0\0"].concat();
    let length = 2 + 6 + tiff.len() as u16;
    [&jpeg[..2], b"\xff\xe1", &length.to_be_bytes(), b"Exif\0\0", &tiff, &jpeg[2..]].concat()
}

/// The header of a PNG of `side` x `side` pixels, and almost no data.
pub(crate) fn png_bomb(side: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_chunk(png::chunk::IDAT, &[0x78, 0x9c, 0x63, 0x60, 0, 0]).unwrap();
    drop(writer);
    file
}

/// Changes the size in the header of a JPEG.
pub(crate) fn jpeg_bomb(mut jpeg: Vec<u8>, side: u16) -> Vec<u8> {
    let frame = jpeg.windows(2).position(|pair| pair == b"\xff\xc0").unwrap();
    jpeg[frame + 5..][..4].copy_from_slice(&[side.to_be_bytes(), side.to_be_bytes()].concat());
    jpeg
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks_exact(2).map(byte).collect()
}

/// A CMYK JPEG of 16 x 16 pixels: cyan, 4/5 magenta, yellow and 1/5 white in its quarters.
pub(crate) fn cmyk_jpeg() -> Vec<u8> {
    bytes(
        "ffd8ffee000e41646f626500640000000000ffdb00430002010101010102010101020202020204030202020205040403\
         04060506060605060606070908060709070606080b08090a0a0a0a0a06080b0c0b0a0c090a0a0affc000140800100010\
         044311004d11005911004b1100ffc4001700010101010000000000000000000000000a000908ffc40014100100000000\
         000000000000000000000000ffda000e0443004d0059004b00003f003fedfc6fe37f0ff000d38cd1fe001bb3123fc0cf\
         7fffd9",
    )
}

/// A progressive JPEG of 16 x 16 pixels: (255, 0, 0), (0, 200, 0), (0, 0, 255) and (90, 90, 90) in
/// its quarters.
pub(crate) fn progressive_jpeg() -> Vec<u8> {
    bytes(
        "ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303030304030304050805050404050a07\
         0706080c0a0c0c0b0a0b0b0d0e12100d0e110e0b0b1016101113141515150c0f171816141812141514ffdb0043010304\
         0405040509050509140d0b0d141414141414141414141414141414141414141414141414141414141414141414141414\
         1414141414141414141414141414ffc20011080010001003011100021101031101ffc400150001010000000000000000\
         0000000000000706ffc4001801000301010000000000000000000000000508090607ffda000c03010002100310000001\
         39c2b536e067305501ea8a2ab1cfffc40014100100000000000000000000000000000020ffda00080101000105021fff\
         c40014110100000000000000000000000000000020ffda0008010301013f011fffc40014110100000000000000000000\
         000000000020ffda0008010201013f011fffc40014100100000000000000000000000000000020ffda0008010100063f\
         021fffc40014100100000000000000000000000000000020ffda0008010100013f211fffda000c030100020003000000\
         10f14fffc40014110100000000000000000000000000000020ffda0008010301013f101fffc400141101000000000000\
         00000000000000000020ffda0008010201013f101fffc40014100100000000000000000000000000000020ffda000801\
         0100013f101fffd9",
    )
}

/// A lossy WebP of the same image.
pub(crate) fn lossy_webp() -> Vec<u8> {
    bytes(
        "52494646440000005745425056503820380000001002009d012a1000100000c01225a00274ba01f801fa8003c800fef9\
         da7fff899fffd797fffe4618ffdde607d7dc9fffeb46d1b9f6800000",
    )
}

/// A WebP of 2 x 2 pixels with two frames: red and green.
pub(crate) fn animated_webp() -> Vec<u8> {
    bytes(
        "524946468400000057454250565038580a00000002000000010000010000414e494d06000000000000000000414e4d46\
         28000000000000000000010000010000640000025650384c0f0000002f014000000710fd8ffe0722a2ff0100414e4d46\
         28000000000000000000010000010000640000005650384c0f0000002f0140000007d0ff88fe0722a2ff0100",
    )
}

/// A chunk of a WebP whose header announces `size` bytes.
fn chunk(name: &[u8; 4], size: u32, content: &[u8]) -> Vec<u8> {
    [&name[..], &size.to_le_bytes(), content].concat()
}

/// A WebP with these chunks.
fn riff(chunks: &[&[u8]]) -> Vec<u8> {
    let chunks = chunks.concat();
    [b"RIFF", &(chunks.len() as u32 + 4).to_le_bytes()[..], b"WEBP", &chunks].concat()
}

/// A WebP of 1 x 1 pixels whose EXIF announces `size` bytes and has 4. It is a chunk of the file or
/// of the first frame of an animation.
pub(crate) fn exif_webp(size: u32, in_frame: bool) -> Vec<u8> {
    let exif = chunk(b"EXIF", size, b"MM\0*");
    let image = &encode(RgbImage::new(1, 1), ImageFormat::WebP)[12..];
    let header = |flags| chunk(b"VP8X", 10, &[flags, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    if !in_frame {
        return riff(&[&header(0x08), image, &exif]);
    }
    let frame = [&[0; 16], image, &exif].concat();
    let animation = chunk(b"ANIM", 6, &[0; 6]);
    riff(&[&header(0x02), &animation, &chunk(b"ANMF", frame.len() as u32, &frame)])
}
