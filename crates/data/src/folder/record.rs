//! Turns image files into records: the pixels of one image at the size of the dataset.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use adjoint_decode::Decoder;
use adjoint_raster::convert;

use super::FolderError;
use super::permit::Permit;
use super::walk::Found;
use crate::settings::Settings;
use crate::{DataError, Digest};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 512 << 20;

/// The pixels of an image, height x width x channels bytes, with their SHA-256.
pub(crate) struct Record {
    pub(crate) pixels: Vec<u8>,
    pub(crate) digest: Digest,
    /// Was the image smaller?
    pub(crate) enlarged: bool,
}

/// The reason why an image has no record.
pub(crate) enum Failure {
    /// The content of the file is broken, for this reason.
    Broken(String),
    /// The file changed after it was listed.
    Changed,
    /// The file cannot be read.
    Unreadable(io::Error),
}

impl Failure {
    /// The error of the file `path`.
    pub(crate) fn error(self, path: &Path) -> DataError {
        match self {
            Self::Broken(problem) => DataError::Folder(FolderError::Broken { path: path.into(), problem }),
            Self::Changed => DataError::Folder(FolderError::Changed(path.into())),
            Self::Unreadable(cause) => DataError::io("read", path)(cause),
        }
    }
}

impl Record {
    /// Makes the record of an image file with this content.
    pub(super) fn of(content: &[u8], settings: &Settings, permit: &mut Permit<'_>) -> Result<Self, Failure> {
        let image = guarded(|| {
            let decoder = Decoder::new(content)?;
            permit.acquire(decoder.memory());
            decoder.decode(settings.background)
        })?;
        let (width, height) = image.dimensions();
        let stored = convert(Cow::Owned(image.into_raw()), 3, settings.channels);
        let mut pixels = vec![0; settings.image_len()];
        let fit = settings.fit([height as usize, width as usize]);
        fit.apply(&stored, &mut pixels);
        let digest = Digest::of(&pixels);
        Ok(Self { pixels, digest, enlarged: fit.enlarges() })
    }
}

/// Calls a decoder. If it panics, the image is broken; other images are decoded nevertheless. The
/// message of the panic goes to the hook of the program, which is not changed.
fn guarded<T>(decode: impl FnOnce() -> Result<T, String>) -> Result<T, Failure> {
    let decoded = panic::catch_unwind(AssertUnwindSafe(decode));
    decoded
        .unwrap_or_else(|_| Err("its decoder has a fault and panicked".to_owned()))
        .map_err(Failure::Broken)
}

/// Opens a file for reading. Tests let it fail.
pub(crate) type Open<'a> = dyn Fn(&Path) -> io::Result<File> + Sync + 'a;

/// Reads the file `path`, which was listed as `found`.
pub(crate) fn read(path: &Path, found: &Found, open: &Open<'_>) -> Result<Vec<u8>, Failure> {
    let mut file = open(path).map_err(|cause| {
        let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
        match cause.kind() {
            ErrorKind::PermissionDenied => Failure::Unreadable(cause),
            _ if is_link => Failure::Broken(format!("the link leads nowhere ({cause})")),
            ErrorKind::NotFound => Failure::Changed,
            _ => Failure::Unreadable(cause),
        }
    })?;
    if found.size > MAX_FILE {
        return Err(Failure::Broken(format!("the file is larger than {} MB", MAX_FILE >> 20)));
    }
    let mut content = Vec::new();
    let reserved = content.try_reserve_exact(found.size as usize);
    reserved.map_err(|_| Failure::Unreadable(ErrorKind::OutOfMemory.into()))?;
    file.by_ref().take(found.size).read_to_end(&mut content).map_err(Failure::Unreadable)?;
    let now = file.metadata().map_err(Failure::Unreadable)?;
    let modified = now.modified().map_err(Failure::Unreadable)?;
    let is_listed = (now.len(), modified) == (found.size, found.modified);
    if is_listed && content.len() as u64 == found.size { Ok(content) } else { Err(Failure::Changed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_that_panics_breaks_one_image() {
        assert!(matches!(guarded(|| Ok(3)), Ok(3)));
        let problem = |failure: Result<(), Failure>| match failure {
            Err(failure) => failure.error(Path::new("cats/1.png")).to_string(),
            Ok(()) => panic!("no failure"),
        };
        let text = problem(guarded(|| panic!("index\nout of range")));
        assert!(text.starts_with("cats/1.png is broken: its decoder has a fault and panicked; "), "{text}");
        let text = problem(guarded(|| Err("no header".to_owned())));
        assert!(text.starts_with("cats/1.png is broken: no header; "), "{text}");
    }
}
