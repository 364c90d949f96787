//! Reads the members of a gzipped tar archive that a caller expects, without unpacking it to disk.
//!
//! An archive is untrusted input. Only regular files with an expected name and exactly the expected
//! size are read, so the caller decides how much memory is allocated. Directories and other regular
//! files are skipped. Links, devices, duplicates and paths that lead out of the archive are errors,
//! and so are more uncompressed bytes than the members need.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;
use tar::{Archive, EntryType};

use crate::regular::open;
use crate::{Damage, DataError};

/// A file that an archive must contain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member<'a> {
    /// The last component of its path.
    pub(crate) name: &'a str,
    /// Its size in bytes.
    pub(crate) bytes: u64,
}

/// Bytes for headers, padding and small files that are not expected, such as a readme.
const EXTRA: u64 = 1 << 20;

/// Returns the contents of `members`, in this order, from the archive `path`.
///
/// # Errors
/// [`DataError::Io`] if the file cannot be read. [`DataError::Damaged`] if the archive is damaged,
/// lacks a member, or contains what this module rejects.
pub(crate) fn read_members(path: &Path, members: &[Member<'_>]) -> Result<Vec<Vec<u8>>, DataError> {
    let limit = EXTRA + members.iter().map(|member| member.bytes).sum::<u64>();
    let file = BufReader::new(open(path)?);
    let is_too_long = Cell::new(false);
    let content = Limited { inner: GzDecoder::new(file), left: limit, is_too_long: &is_too_long };
    let mut archive = Archive::new(content);
    let contents = contents(&mut archive, members).and_then(|contents| {
        drain(archive.into_inner())?;
        Ok(contents)
    });
    contents.map_err(|problem| match problem {
        _ if is_too_long.get() => DataError::damaged(path)(Damage::TooLong(limit)),
        Problem::Damage(damage) => DataError::damaged(path)(damage),
        Problem::Io(cause) => match cause.kind() {
            ErrorKind::UnexpectedEof => DataError::damaged(path)(Damage::CutShort),
            ErrorKind::InvalidInput | ErrorKind::InvalidData => DataError::damaged(path)(Damage::Corrupt),
            // The kind of the errors of the tar reader itself.
            ErrorKind::Other => DataError::damaged(path)(Damage::Tar),
            _ => DataError::io("read", path)(cause),
        },
    })
}

/// The reason why an archive cannot be read.
enum Problem {
    Damage(Damage),
    Io(io::Error),
}

impl From<Damage> for Problem {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

impl From<io::Error> for Problem {
    fn from(cause: io::Error) -> Self {
        Self::Io(cause)
    }
}

/// Reads the archive up to its end marker.
fn contents(archive: &mut Archive<impl Read>, members: &[Member<'_>]) -> Result<Vec<Vec<u8>>, Problem> {
    let mut found: Vec<Option<Vec<u8>>> = vec![None; members.len()];
    // Raw entries: the reader would otherwise keep extended names of any length in memory. The name
    // of a member is short, so the extended headers are not needed.
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let damage = |problem| Damage::Member { path: path.clone(), problem };
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Directory => {}
            EntryType::XHeader
            | EntryType::XGlobalHeader
            | EntryType::GNULongName
            | EntryType::GNULongLink => continue,
            _ => return Err(damage("is a link, a device or another special file").into()),
        }
        if path.starts_with('/') || path.split(['/', '\\']).any(|component| component == "..") {
            return Err(damage("leads out of the archive").into());
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_expected = |member: &Member<'_>| member.name == name && entry.header().entry_type().is_file();
        let Some(index) = members.iter().position(is_expected) else { continue };
        if found[index].is_some() {
            return Err(damage("occurs twice").into());
        }
        let expected = members[index].bytes;
        let announced = entry.size();
        if announced != expected {
            return Err(Damage::MemberSize { path, found: announced, expected }.into());
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        if content.len() as u64 != expected {
            return Err(Damage::Tar.into());
        }
        found[index] = Some(content);
    }
    let named = found.into_iter().zip(members);
    named
        .map(|(content, member)| content.ok_or_else(|| Damage::NoMember(member.name.into()).into()))
        .collect()
}

/// Reads the padding after the end marker of the archive. This also compares the checksum at the
/// end of the gzip stream. Nothing may follow but zeros.
fn drain<R: BufRead>(mut content: Limited<'_, GzDecoder<R>>) -> Result<(), Problem> {
    let mut buffer = [0; 1 << 13];
    loop {
        match content.read(&mut buffer)? {
            0 => break,
            count if buffer[..count].iter().all(|&byte| byte == 0) => {}
            _ => return Err(Damage::TrailingBytes.into()),
        }
    }
    let mut file = content.inner.into_inner();
    if file.fill_buf()?.is_empty() { Ok(()) } else { Err(Damage::TrailingBytes.into()) }
}

/// A reader that fails after a number of bytes, and says so in `is_too_long`.
struct Limited<'a, R> {
    inner: R,
    left: u64,
    is_too_long: &'a Cell<bool>,
}

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                self.is_too_long.set(true);
                return Err(ErrorKind::FileTooLarge.into());
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
