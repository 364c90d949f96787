//! Finds WebP files that end early. Their decoder reserves the memory that the header of a chunk
//! announces before it reads the chunk.
//!
//! Source: RFC 9649 (2024), section 2.

/// Bytes of the header of a chunk: its name and the length of its content.
const HEADER: usize = 8;
/// Bytes before the first chunk: the header of the RIFF and the name "WEBP".
const START: usize = HEADER + 4;
/// Bytes before the first chunk in a frame of an animation.
const FRAME_START: usize = 16;

/// Returns the part of a WebP file that its RIFF covers, or `None` if a chunk ends after it.
pub(crate) fn whole_riff(file: &[u8]) -> Option<&[u8]> {
    let (_, length, _) = split_header(file)?;
    let riff = &file[..file.len().min(length.saturating_add(HEADER))];
    let is_complete = are_complete(riff.get(START..)?, |name, content| {
        name != b"ANMF" || content.get(FRAME_START..).is_some_and(|frame| are_complete(frame, |_, _| true))
    });
    is_complete.then_some(riff)
}

/// Do all chunks end in `bytes`, and does each chunk pass `check`, which receives its name and its
/// content?
fn are_complete(mut bytes: &[u8], check: impl Fn(&[u8; 4], &[u8]) -> bool) -> bool {
    while let Some((name, length, rest)) = split_header(bytes) {
        if !rest.get(..length).is_some_and(|content| check(name, content)) {
            return false;
        }
        // A byte of padding follows an odd length. The last one may be missing.
        bytes = rest.get(length + length % 2..).unwrap_or_default();
    }
    true
}

/// Returns the name of the first chunk, the length of its content, and the bytes after its header.
fn split_header(bytes: &[u8]) -> Option<(&[u8; 4], usize, &[u8])> {
    let (name, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    Some((name, usize::try_from(u32::from_le_bytes(*length)).ok()?, rest))
}
