//! Loads datasets of binary records ([`records`](crate::records)): from the verified archive of the
//! manifest, or from plain files in the directory of the dataset.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use crate::archive::{Member, read_members};
use crate::download::fetch;
use crate::escape::Shown;
use crate::held_out::held_out;
use crate::records::{Layout, Records};
use crate::regular::open;
use crate::{CifarFiles, Damage, DataError, Digest, Downloader, RecordFile, RemoteFile, Split, unpacked};

/// A dataset of binary records.
pub(crate) struct Cifar<'a> {
    pub(crate) name: &'a str,
    pub(crate) files: &'a CifarFiles,
    pub(crate) mirrors: &'a [String],
    pub(crate) layout: Layout,
    /// The directory of the dataset.
    pub(crate) directory: PathBuf,
    /// The share of the test split if there are no test images.
    pub(crate) test_fraction: f64,
}

/// The records of a split, and what the user should know about them.
pub(crate) struct Loaded {
    pub(crate) records: Records,
    /// Does the manifest have a checksum of the content?
    pub(crate) is_pinned: bool,
    pub(crate) notes: Vec<String>,
}

impl Cifar<'_> {
    /// Loads a split from the archive, or from plain files if the archive is missing or damaged. If
    /// there are neither, the archive is downloaded with `downloader`.
    pub(crate) fn load(
        &self,
        split: Split,
        downloader: Option<&mut Downloader<'_>>,
    ) -> Result<Loaded, DataError> {
        let mut problem = None;
        if let Some(archive) = &self.files.archive {
            if let Some(records) = self.unpacked(archive, split) {
                return Ok(self.of_archive(records, split, Vec::new()));
            }
            let path = self.directory.join(&archive.name);
            if path.try_exists().map_err(DataError::io("read", &path))? {
                match self.unpack(&path, archive, split) {
                    Ok(loaded) => return Ok(loaded),
                    Err(error) => problem = Some(error),
                }
            }
        }
        match self.plain(split) {
            Ok(Some(loaded)) => return Ok(loaded),
            Ok(None) => {}
            Err(error) => _ = problem.get_or_insert(error),
        }
        match (problem, &self.files.archive) {
            (Some(problem), _) => Err(problem),
            (None, Some(archive)) => {
                let path = fetch(downloader, self.name, archive, self.mirrors, &self.directory)?;
                self.unpack(&path, archive, split)
            }
            (None, None) => Err(DataError::no_mirror(&self.files.train[0].name, &self.directory)),
        }
    }

    /// The split of the manifest from which `split` is taken.
    fn stored_split(&self, split: Split) -> Split {
        if self.files.test.is_empty() { Split::Train } else { split }
    }

    /// The path of the uncompressed records of a split of the manifest.
    fn unpacked_path(&self, archive: &RemoteFile, stored: Split) -> PathBuf {
        let stem = [".tar.gz", ".tgz"].iter().find_map(|ending| archive.name.strip_suffix(ending));
        self.directory.join(format!("{}.{stored}.records", stem.unwrap_or(&archive.name)))
    }

    /// Reads the records of an archive that was unpacked before.
    fn unpacked(&self, archive: &RemoteFile, split: Split) -> Option<Records> {
        let stored = self.stored_split(split);
        let items = self.files.split(stored).iter().map(|file| file.items).sum();
        unpacked::read(&self.unpacked_path(archive, stored), archive.sha256, items, self.layout)
    }

    /// Verifies and reads the archive, and stores its records uncompressed for the next time.
    fn unpack(&self, path: &Path, archive: &RemoteFile, split: Split) -> Result<Loaded, DataError> {
        self.read_archive(path, archive, split).map_err(DataError::advise_fetching(self.mirrors))
    }

    fn read_archive(&self, path: &Path, archive: &RemoteFile, split: Split) -> Result<Loaded, DataError> {
        let found = Digest::of_file(path)?;
        if found != archive.sha256 {
            return Err(DataError::damaged(path)(Damage::Checksum { found, expected: archive.sha256 }));
        }
        let CifarFiles { train, test, .. } = self.files;
        let files = train.iter().chain(test);
        let members: Vec<Member<'_>> =
            files.map(|file| Member { name: &file.name, bytes: self.bytes(file) }).collect();
        let mut train_parts = read_members(path, &members)?;
        let test_parts = train_parts.split_off(train.len());

        let (mut records, mut notes) = (Records::default(), Vec::new());
        for (stored, parts) in [(Split::Train, train_parts), (Split::Test, test_parts)] {
            let files = self.files.split(stored);
            notes.extend(self.store(archive, stored, &parts));
            if stored == self.stored_split(split) {
                for (file, part) in files.iter().zip(parts) {
                    let read = self.layout.read(&part[..], file.items, &mut records, |_| ());
                    read.map_err(DataError::io("read", path))?.map_err(DataError::damaged(path))?;
                }
            }
        }
        Ok(self.of_archive(records, split, notes))
    }

    /// Stores the records of a split of the manifest uncompressed. Returns a note if that fails.
    fn store(&self, archive: &RemoteFile, stored: Split, parts: &[Vec<u8>]) -> Option<String> {
        if parts.is_empty() {
            return None;
        }
        let path = self.unpacked_path(archive, stored);
        let cause = unpacked::write(&path, archive.sha256, parts).err()?;
        let (name, path) = (self.name, Shown(&path));
        Some(format!(
            "{name}: each start decompresses the archive, because {path} cannot be written: {cause}"
        ))
    }

    /// Takes `split` from the records of the archive.
    fn of_archive(&self, mut records: Records, split: Split, notes: Vec<String>) -> Loaded {
        if self.files.test.is_empty() {
            let files = self.files.train.iter().map(|file| (file.name.as_str(), file.items));
            self.take(&mut records, files, split);
        }
        records.shrink_to_fit();
        Loaded { records, is_pinned: true, notes }
    }

    /// Reads a split from plain files. Any of the files of the manifest may be missing. Returns
    /// `None` if there are no files of the split.
    fn plain(&self, split: Split) -> Result<Option<Loaded>, DataError> {
        let tests = self.present(&self.files.test)?;
        let stored = if tests.is_empty() { Split::Train } else { split };
        let files = if stored == Split::Test { tests.clone() } else { self.present(&self.files.train)? };
        if files.is_empty() {
            return Ok(None);
        }
        let mut records = Records::default();
        let mut counts = Vec::new();
        for file in &files {
            let path = self.directory.join(&file.name);
            let before = records.labels.len();
            let reader = BufReader::new(open(&path)?);
            let read = self.layout.read(reader, file.items, &mut records, |_| ());
            read.map_err(DataError::io("read", &path))?.map_err(DataError::damaged(&path))?;
            counts.push((file.name.as_str(), records.labels.len() - before));
        }
        let mut notes = vec![self.note_of_files(stored, &counts)];
        if tests.is_empty() {
            self.take(&mut records, counts.into_iter(), split);
            let images = records.labels.len();
            let without = self.files.test.first().map_or("test images", |file| &file.name);
            notes.push(format!(
                "{}: without {without}, {images} of these images are the {split} split",
                self.name
            ));
        }
        records.shrink_to_fit();
        Ok(Some(Loaded { records, is_pinned: false, notes }))
    }

    /// May the records come from plain files, which have no checksum?
    pub(crate) fn has_plain_files(&self) -> Result<bool, DataError> {
        let CifarFiles { train, test, .. } = self.files;
        Ok(!self.present(train)?.is_empty() || !self.present(test)?.is_empty())
    }

    /// The files that exist.
    fn present(&self, files: &[RecordFile]) -> Result<Vec<RecordFile>, DataError> {
        let mut present = Vec::new();
        for file in files {
            let path = self.directory.join(&file.name);
            if path.try_exists().map_err(DataError::io("read", &path))? {
                present.push(file.clone());
            }
        }
        Ok(present)
    }

    /// Describes plain files, given by their names and numbers of records.
    fn note_of_files(&self, stored: Split, counts: &[(&str, usize)]) -> String {
        let expected = self.files.split(stored);
        let all: usize = expected.iter().map(|file| file.items).sum();
        let found: usize = counts.iter().map(|(_, count)| count).sum();
        let names: Vec<&str> = counts.iter().map(|(name, _)| *name).collect();
        let (name, names, directory) = (self.name, names.join(", "), Shown(&self.directory));
        let note = format!("{name}: {found} of {all} images, from {names} in {directory}");
        match &self.files.archive {
            Some(archive) => {
                format!(
                    "{note}; only {} has a known checksum, so they may not be the official images",
                    archive.name
                )
            }
            None => note,
        }
    }

    /// Keeps the records of `split`, where `files` are the names and numbers of records of the
    /// files in turn. The key of a record is the name of its file and its index there.
    fn take<'f>(&self, records: &mut Records, files: impl Iterator<Item = (&'f str, usize)>, split: Split) {
        let keys = files.flat_map(|(name, items)| (0..items).map(move |index| format!("{name}/{index}")));
        let mut is_kept = held_out(keys, &records.labels, self.test_fraction);
        if split == Split::Train {
            is_kept.iter_mut().for_each(|is_kept| *is_kept = !*is_kept);
        }
        records.retain(&is_kept);
    }

    fn bytes(&self, file: &RecordFile) -> u64 {
        file.items as u64 * self.layout.record_len() as u64
    }
}
