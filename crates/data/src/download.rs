//! Downloads the files of a dataset in the manifest. A file under its final name is complete and
//! verified.
//!
//! The mirrors are tried in order. The received bytes are counted, hashed and written to a
//! temporary file next to the target. The temporary file is renamed to the target if its size and
//! SHA-256 match the manifest, and is deleted otherwise. Downloads are not resumed, because a
//! SHA-256 cannot verify a part of a file.

use std::cmp::Ordering;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use adjoint_files::Partial;
use sha2::{Digest as _, Sha256};
use ureq::Agent;

use crate::{DataError, Digest, RemoteFile};

/// The progress of a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Name of the file.
    pub file: &'a str,
    /// The URL of the download.
    pub url: &'a str,
    /// Bytes received from this mirror.
    pub received: u64,
    /// Size of the file in bytes.
    pub total: u64,
}

/// Downloads the files of datasets.
///
/// ```no_run
/// use adjoint_data::{Dataset, Downloader, Options, Split};
///
/// let mut downloader =
///     Downloader::new(|p| eprintln!("{}: {} of {} bytes", p.file, p.received, p.total));
/// let data = Dataset::load("mnist", Split::Train, &Options::default(), Some(&mut downloader))?;
/// # Ok::<(), adjoint_data::DataError>(())
/// ```
pub struct Downloader<'a> {
    /// The timeout for connecting to a mirror, for its response, and for each read: 20 seconds.
    pub patience: Duration,
    /// Fail instead of opening a connection?
    is_offline: bool,
    progress: Box<dyn FnMut(Progress<'_>) + 'a>,
}

impl<'a> Downloader<'a> {
    /// The lowest accepted transfer rate of a mirror, in bytes per second.
    const SLOWEST: u64 = 20_000;

    /// A downloader that calls `progress` after each read of at most 64 KiB.
    pub fn new(progress: impl FnMut(Progress<'_>) + 'a) -> Self {
        Self { patience: Duration::from_secs(20), is_offline: false, progress: Box::new(progress) }
    }

    /// A downloader that opens no connection. Each download fails with [`DataError::Offline`].
    pub fn offline() -> Self {
        Self { is_offline: true, ..Self::new(|_| ()) }
    }

    /// Downloads `file` into `directory` and returns its path. The directory is created if it does
    /// not exist.
    ///
    /// # Errors
    /// [`DataError::NoMirror`] if there are no mirrors. [`DataError::Offline`] if this is an
    /// [`offline`](Self::offline) downloader. [`DataError::Download`] if no mirror delivers the
    /// file. [`DataError::Io`] if the file cannot be written; no further mirror is tried then.
    pub fn fetch(
        &mut self,
        file: &RemoteFile,
        mirrors: &[String],
        directory: &Path,
    ) -> Result<PathBuf, DataError> {
        if mirrors.is_empty() {
            return Err(DataError::no_mirror(&file.name, directory));
        }
        if self.is_offline {
            return Err(DataError::Offline { file: file.name.clone(), directory: directory.to_path_buf() });
        }
        fs::create_dir_all(directory).map_err(DataError::io("create", directory))?;
        let target = directory.join(&file.name);
        adjoint_files::remove_leftovers(directory, false, &|stem| stem == file.name.as_str())
            .map_err(DataError::io("read", directory))?;
        let mut attempts = Vec::new();
        for mirror in mirrors {
            let url = format!("{}/{}", mirror.trim_end_matches('/'), file.name);
            match self.attempt(&url, file, &target) {
                Ok(()) => return Ok(target),
                Err(Failure::Mirror(problem)) => attempts.push(format!("{url}: {problem}")),
                Err(Failure::Disk(cause)) => {
                    return Err(DataError::Io { action: "write", path: target, cause });
                }
            }
        }
        Err(DataError::Download {
            file: file.name.clone(),
            attempts: attempts.join(", "),
            directory: directory.to_path_buf(),
        })
    }

    fn attempt(&mut self, url: &str, file: &RemoteFile, target: &Path) -> Result<(), Failure> {
        let mut body = self.open(url, file)?;
        let mut partial = Partial::create(target).map_err(Failure::Disk)?;
        let mut buffer = vec![0; 1 << 16];
        let (mut received, mut hash) = (0, Sha256::new());
        loop {
            let count = body.read(&mut buffer).map_err(|error| Failure::Mirror(one_line(&error)))?;
            if count == 0 {
                break;
            }
            partial.file().write_all(&buffer[..count]).map_err(Failure::Disk)?;
            received += count as u64;
            hash.update(&buffer[..count]);
            (self.progress)(Progress { file: &file.name, url, received, total: file.bytes });
        }
        let digest = Digest::from(hash);
        let problem = match received.cmp(&file.bytes) {
            Ordering::Equal if digest == file.sha256 => return partial.keep().map_err(Failure::Disk),
            Ordering::Equal => format!("sent another file (SHA-256 {digest})"),
            Ordering::Less => format!("sent {received} bytes instead of {}", file.bytes),
            Ordering::Greater => format!("sent more than the {} bytes expected", file.bytes),
        };
        Err(Failure::Mirror(problem))
    }

    /// Requests `url`. The returned reader ends at most one byte after the expected size, even if
    /// the mirror sends more.
    fn open(&self, url: &str, file: &RemoteFile) -> Result<impl Read + use<>, Failure> {
        let whole = self.patience + Duration::from_secs(file.bytes / Self::SLOWEST);
        let agent: Agent = Agent::config_builder()
            .timeout_connect(Some(self.patience))
            .timeout_recv_response(Some(self.patience))
            .timeout_per_read(Some(self.patience))
            .timeout_recv_body(Some(whole))
            .build()
            .into();
        let response = agent.get(url).call().map_err(|error| Failure::Mirror(one_line(&error)))?;
        Ok(response.into_body().into_reader().take(file.bytes + 1))
    }
}

/// Downloads a missing file of a dataset into `directory` and returns its path. Without a
/// downloader, the error says how the user can get the file.
pub(crate) fn fetch(
    downloader: Option<&mut Downloader<'_>>,
    dataset: &str,
    file: &RemoteFile,
    mirrors: &[String],
    directory: &Path,
) -> Result<PathBuf, DataError> {
    match downloader {
        Some(downloader) => downloader.fetch(file, mirrors, directory),
        None if mirrors.is_empty() => Err(DataError::no_mirror(&file.name, directory)),
        None => Err(DataError::Missing {
            dataset: dataset.to_string(),
            file: file.name.clone(),
            directory: directory.to_path_buf(),
        }),
    }
}

/// The reason why an attempt failed.
enum Failure {
    /// The mirror failed; another mirror may work.
    Mirror(String),
    /// The file cannot be written; no other mirror can help.
    Disk(io::Error),
}

fn one_line(error: &dyn std::error::Error) -> String {
    error.to_string().replace('\n', " ")
}
