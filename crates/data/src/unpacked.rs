//! Stores the records of a verified archive uncompressed beside it, so that only the first start
//! decompresses the archive.
//!
//! A file has the records of one split, the SHA-256 of the archive, and the SHA-256 of everything
//! before. A file of another archive, a damaged file or no file at all is `None`: the archive is
//! then read again, and the file is written again.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::Digest;
use crate::records::{Layout, Records};
use crate::regular::open;

/// Bytes of a SHA-256.
const DIGEST: u64 = 32;

/// Writes the records `parts` of the archive with the digest `archive` to `path`.
///
/// # Errors
/// Those of the operating system. No incomplete file remains.
pub(crate) fn write(path: &Path, archive: Digest, parts: &[Vec<u8>]) -> io::Result<()> {
    adjoint_files::write(path, |out| {
        let mut hash = Sha256::new();
        for part in parts.iter().map(Vec::as_slice).chain([&archive.bytes()[..]]) {
            hash.update(part);
            out.write_all(part)?;
        }
        out.write_all(&Digest::from(hash).bytes())
    })
}

/// Reads `items` records of the archive with the digest `archive` from `path`.
pub(crate) fn read(path: &Path, archive: Digest, items: usize, layout: Layout) -> Option<Records> {
    let records_len = items as u64 * layout.record_len() as u64;
    let mut file = open(path).ok()?;
    if file.metadata().ok()?.len() != records_len + 2 * DIGEST {
        return None;
    }
    file.seek(SeekFrom::Start(records_len)).ok()?;
    let [of_archive, of_all] = [digest(&mut file)?, digest(&mut file)?];
    if of_archive != archive {
        return None;
    }
    file.rewind().ok()?;
    let mut hash = Sha256::new();
    let mut records = Records::default();
    records.images.reserve_exact(records_len as usize);
    records.labels.reserve_exact(items);
    layout.read(file.take(records_len), items, &mut records, |bytes| hash.update(bytes)).ok()?.ok()?;
    hash.update(archive.bytes());
    (Digest::from(hash) == of_all).then_some(records)
}

fn digest(file: &mut File) -> Option<Digest> {
    let mut bytes = [0; DIGEST as usize];
    file.read_exact(&mut bytes).ok()?;
    Some(Digest::from(bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const LAYOUT: Layout = Layout { label_bytes: 1, pixels: 1, classes: 10 };

    #[test]
    fn only_whole_files_of_the_same_archive_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("set.train");
        let (archive, other) = (Digest::of(b"archive"), Digest::of(b"other"));
        assert!(read(&path, archive, 3, LAYOUT).is_none(), "no file");

        write(&path, archive, &[vec![1, 10, 20, 30], vec![2, 11, 21, 31, 3, 12, 22, 32]]).unwrap();
        let records = read(&path, archive, 3, LAYOUT).unwrap();
        assert_eq!(records.labels, [1, 2, 3]);
        assert_eq!(records.images, [10, 20, 30, 11, 21, 31, 12, 22, 32]);
        assert!(read(&path, other, 3, LAYOUT).is_none(), "another archive");
        assert!(read(&path, archive, 2, LAYOUT).is_none(), "another number of records");

        let whole = fs::read(&path).unwrap();
        for position in 0..whole.len() {
            let mut wrong = whole.clone();
            wrong[position] ^= 1;
            fs::write(&path, wrong).unwrap();
            assert!(read(&path, archive, 3, LAYOUT).is_none(), "byte {position} is wrong");
        }
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(read(&path, archive, 3, LAYOUT).is_none(), "cut short");
    }
}
