//! Finds JPEG files that end early. Decoders fill the missing part with gray and report no error.
//!
//! Source: ITU-T T.81 (1992), annex B.

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;

/// Does a JPEG file have its end marker? Markers inside other segments, such as those of a
/// thumbnail, do not count.
pub(crate) fn is_complete(file: &[u8]) -> bool {
    let mut rest = file;
    while let Some((marker, after)) = next_marker(rest) {
        rest = match marker {
            END_OF_IMAGE => return true,
            START_OF_IMAGE => after,
            // Two bytes that give the length of the segment, themselves included.
            _ => match after.first_chunk() {
                Some(&length) => after.get(usize::from(u16::from_be_bytes(length))..).unwrap_or_default(),
                None => return false,
            },
        };
    }
    false
}

/// Returns the next marker and the bytes after it. In the data of a scan, `ff 00` is a byte of
/// data, and the markers d0 to d7 restart the decoder.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 1 | 0xd0..=0xd7 | 0xff);
    let at = bytes.windows(2).position(is_marker)?;
    Some((bytes[at + 1], &bytes[at + 2..]))
}
