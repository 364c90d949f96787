//! Fetching the files of a known dataset, so that a file under its final name is a whole and
//! verified one.
//!
//! The mirrors are tried in order. What arrives goes to a temporary neighbour of the target, is
//! counted and hashed on the way, and gets its name only when size and SHA-256 are those of the
//! manifest; anything else is thrown away. Nothing is resumed: the largest file is 26 MB, and a
//! half that nobody can vouch for is worth nothing.

use std::cmp::Ordering;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use adjoint_files::Partial;
use ureq::Agent;

use crate::digest::Hashing;
use crate::{DataError, FileEntry};

/// How far a download has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Name of the file.
    pub file: &'a str,
    /// Where it comes from.
    pub url: &'a str,
    /// Bytes received from this mirror.
    pub received: u64,
    /// Bytes there are.
    pub total: u64,
}

/// Fetches files.
///
/// ```no_run
/// use adjoint_data::{Dataset, Downloader, Options, Split};
///
/// let mut downloader =
///     Downloader::new().on_progress(|p| eprintln!("{}: {} of {} bytes", p.file, p.received, p.total));
/// let data = Dataset::load("mnist", Split::Train, &Options::default(), Some(&mut downloader))?;
/// # Ok::<(), adjoint_data::DataError>(())
/// ```
pub struct Downloader<'a> {
    mirrors: Option<Vec<String>>,
    patience: Duration,
    progress: Box<dyn FnMut(Progress<'_>) + 'a>,
}

impl Default for Downloader<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Downloader<'a> {
    /// The slowest mirror worth waiting for, in bytes per second.
    const SLOWEST: u64 = 20_000;

    /// A downloader that uses the manifest's mirrors, waits 20 seconds for a silent one and reports
    /// to nobody.
    pub fn new() -> Self {
        Self { mirrors: None, patience: Duration::from_secs(20), progress: Box::new(|_| ()) }
    }

    /// Uses these base URLs in this order instead of the manifest's.
    #[must_use]
    pub fn with_mirrors(mut self, mirrors: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.mirrors = Some(mirrors.into_iter().map(Into::into).collect());
        self
    }

    /// How long a mirror may take to connect, to answer, and to send its next bytes.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Calls `progress` after every piece that arrives, of at most 64 KiB.
    #[must_use]
    pub fn on_progress(mut self, progress: impl FnMut(Progress<'_>) + 'a) -> Self {
        self.progress = Box::new(progress);
        self
    }

    /// Fetches the `.gz` of `file` into `directory`, which is created if need be, and returns its
    /// path.
    ///
    /// # Errors
    /// [`DataError::Download`] if no mirror delivers it; [`DataError::Io`] if it can't be written,
    /// which ends the search.
    pub fn fetch(
        &mut self,
        file: &FileEntry,
        mirrors: &[String],
        directory: &Path,
    ) -> Result<PathBuf, DataError> {
        fs::create_dir_all(directory).map_err(DataError::io("create", directory))?;
        let target = directory.join(file.gz_name());
        let own = file.gz_name();
        adjoint_files::remove_leftovers(directory, false, &|stem| stem == own.as_str())
            .map_err(DataError::io("read", directory))?;
        let mirrors = self.mirrors.clone().unwrap_or_else(|| mirrors.to_vec());
        let mut attempts = Vec::new();
        for mirror in &mirrors {
            let url = format!("{}/{}", mirror.trim_end_matches('/'), file.gz_name());
            match self.attempt(&url, file, &target) {
                Ok(()) => return Ok(target),
                Err(Failure::Mirror(problem)) => attempts.push(format!("{url}: {problem}")),
                Err(Failure::Disk(cause)) => {
                    return Err(DataError::Io { action: "write", path: target, cause });
                }
            }
        }
        Err(DataError::Download {
            file: file.gz_name(),
            attempts: attempts.join(", "),
            directory: directory.to_path_buf(),
        })
    }

    fn attempt(&mut self, url: &str, file: &FileEntry, target: &Path) -> Result<(), Failure> {
        let mut body = self.open(url, file)?;
        let mut partial = Partial::create(target).map_err(Failure::Disk)?;
        let mut buffer = vec![0; 1 << 16];
        let mut received = 0;
        loop {
            let count = body.read(&mut buffer).map_err(|error| Failure::Mirror(one_line(&error)))?;
            if count == 0 {
                break;
            }
            partial.file().write_all(&buffer[..count]).map_err(Failure::Disk)?;
            received += count as u64;
            (self.progress)(Progress { file: &file.name, url, received, total: file.gz_bytes });
        }
        let digest = body.finish().1;
        match received.cmp(&file.gz_bytes) {
            Ordering::Equal if digest == file.gz_sha256 => partial.keep().map_err(Failure::Disk),
            Ordering::Equal => Err(Failure::Mirror(format!("sent another file (SHA-256 {digest})"))),
            Ordering::Less => {
                Err(Failure::Mirror(format!("sent {received} bytes instead of {}", file.gz_bytes)))
            }
            Ordering::Greater => {
                Err(Failure::Mirror(format!("sent more than the {} bytes expected", file.gz_bytes)))
            }
        }
    }

    /// Asks for `url`; the reader ends one byte after the size expected, however much is sent.
    fn open(&self, url: &str, file: &FileEntry) -> Result<Hashing<impl Read + use<>>, Failure> {
        let whole = self.patience + Duration::from_secs(file.gz_bytes / Self::SLOWEST);
        let agent: Agent = Agent::config_builder()
            .timeout_connect(Some(self.patience))
            .timeout_recv_response(Some(self.patience))
            .timeout_per_read(Some(self.patience))
            .timeout_recv_body(Some(whole))
            .build()
            .into();
        let response = agent.get(url).call().map_err(|error| Failure::Mirror(one_line(&error)))?;
        Ok(Hashing::new(response.into_body().into_reader().take(file.gz_bytes + 1)))
    }
}

/// Why an attempt came to nothing.
enum Failure {
    /// Another mirror may do better.
    Mirror(String),
    /// No mirror can help.
    Disk(io::Error),
}

fn one_line(error: &dyn std::error::Error) -> String {
    error.to_string().replace('\n', " ")
}
