//! Event files of TensorBoard: the figures of the log, the pictures, and histograms of the
//! weights and their gradients at each checkpoint.
//!
//! An event file is a list of records. A record is the length of an event, the event, and a
//! checksum of each. An event is a protocol buffer (event.proto, summary.proto and histogram.proto
//! of TensorBoard). When a run is resumed, the records of steps after the checkpoint are removed,
//! so no step is there twice.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use adjoint_tensor::Tensor;
use crc::{CRC_32_ISCSI, Crc};

use crate::Error;
use crate::image::Image;
use crate::log::Line;
use crate::output::{Described, Output, Training};
use crate::protobuf::{self, Message};
use crate::report::warn;

/// The directory of event files, and the file. TensorBoard reads files with `tfevents` in their
/// names.
const DIRECTORY: &str = "tensorboard";
const FILE: &str = "events.out.tfevents.adjoint";
/// The first event of a file.
const VERSION: &str = "brain.Event:2";
/// The checksum of records: CRC-32C, by Castagnoli.
const CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
/// Number of buckets of a histogram.
const BUCKETS: usize = 64;
/// The longest event that is read, in bytes. Events of pictures are shorter.
const MOST_BYTES: u64 = 1 << 30;

/// The event file of a run, open for appending.
#[derive(Debug)]
pub(crate) struct TensorBoard {
    path: PathBuf,
    file: File,
}

impl TensorBoard {
    /// Opens the file of a run, or creates it. Keeps the events up to and including step `last`.
    /// Damaged or incomplete records and all that follow them are removed.
    ///
    /// # Errors
    /// If the file can't be read or written.
    pub(crate) fn open(run: &Path, last: u64) -> Result<Self, Error> {
        let directory = run.join(DIRECTORY);
        fs::create_dir_all(&directory).map_err(Error::io("create", &directory))?;
        let path = directory.join(FILE);
        let options = File::options().read(true).append(true).create(true).clone();
        let file = options.open(&path).map_err(Error::io("open", &path))?;
        if !file.metadata().map_err(Error::io("read", &path))?.is_file() {
            return Err(Error::file(&path, "not a file"));
        }
        let mut source = BufReader::new(&file);
        let mut length = 0;
        while let Some((bytes, step)) = next(&mut source) {
            // A run that starts at step 0 draws its first pictures again.
            if step > last || last == 0 {
                break;
            }
            length += bytes;
        }
        file.set_len(length).map_err(Error::io("write", &path))?;
        let mut board = Self { path, file };
        if length == 0 {
            board.append(0, |event| event.text(3, VERSION))?;
        }
        Ok(board)
    }

    /// Appends an event. Event: wall_time 1, step 2, file_version 3, summary 5.
    fn append(&mut self, step: u64, fill: impl FnOnce(Message) -> Message) -> Result<(), Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let event = fill(Message::new().double(1, now).int(2, step as i64)).into_bytes();
        adjoint_files::append(&self.file, &self.path, &record(&event)).map_err(Error::io("write", &self.path))
    }

    /// Appends the values of a summary. Summary: value 1.
    fn summary(&mut self, step: u64, values: impl IntoIterator<Item = Message>) -> Result<(), Error> {
        self.append(step, |event| event.message(5, Message::new().messages(1, values)))
    }
}

impl Output for TensorBoard {
    /// Value: tag 1, simple_value 2.
    fn log(&mut self, line: &Line) -> Result<(), Error> {
        let figures = line.record.iter().filter(|(name, _)| !["step", "epoch"].contains(&name.as_str()));
        let values = figures.map(|(name, &value)| Message::new().text(1, name).float(2, value as f32));
        self.summary(line.record["step"] as u64, values)
    }

    /// Value: tag 1, image 4. Image: height 1, width 2, colorspace 3, encoded_image_string 4.
    fn draw(&mut self, training: &Training, pictures: &[(&'static str, Image)]) -> Result<(), Error> {
        for (series, picture) in pictures {
            let mut png = Vec::new();
            picture.encode(&mut png).map_err(Error::io("draw", &self.path))?;
            let image = Message::new().int(1, picture.height as i64).int(2, picture.width as i64);
            let image = image.int(3, picture.channels as i64).bytes(4, png);
            self.summary(training.done, [Message::new().text(1, series).message(4, image)])?;
        }
        Ok(())
    }

    /// Value: tag 1, histo 5.
    fn save(&mut self, training: &mut Training) -> Result<(), Error> {
        // A resumed run can save the step of its checkpoint again.
        if training.saved == Some(training.done) {
            return Ok(());
        }
        for (network, weights) in training.trainer.networks() {
            let values = weights.iter().map(|(name, weight)| {
                Message::new().text(1, &format!("{network}/{name}")).message(5, histogram(weight))
            });
            self.summary(training.done, values)?;
        }
        // Without gradients, the checkpoint of this step is still worth saving.
        let gradients = training.trainer.gradients(training.done).unwrap_or_else(|cause| {
            warn(format_args!("no gradients of step {} for TensorBoard: {cause}", training.done));
            vec![]
        });
        let finite = gradients.iter().filter(|(_, gradient)| gradient.is_finite());
        let values = finite.map(|(name, gradient)| {
            Message::new().text(1, &format!("gradients/{name}")).message(5, histogram(gradient))
        });
        self.summary(training.done, values)?;
        adjoint_files::sync(&self.file, &self.path).map_err(Error::io("write", &self.path))
    }

    fn finish(&mut self, _training: &Training) -> Result<Vec<Described>, Error> {
        Ok(vec![(self.path.clone(), "figures, pictures, weights and gradients for TensorBoard".to_owned())])
    }
}

/// Returns a record: the length, its checksum, the event and its checksum.
fn record(event: &[u8]) -> Vec<u8> {
    let length = (event.len() as u64).to_le_bytes();
    [&length[..], &masked(&length).to_le_bytes(), event, &masked(event).to_le_bytes()].concat()
}

/// The checksum of a record: a rotated CRC-32C plus a constant.
fn masked(bytes: &[u8]) -> u32 {
    CRC32C.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Reads the next record. Returns its length in bytes and the step of its event. Returns `None` at
/// the end of the file, or if the record is damaged or incomplete.
fn next(source: &mut impl Read) -> Option<(u64, u64)> {
    let mut head = [0; 12];
    source.read_exact(&mut head).ok()?;
    let (length, sum) = head.split_at(8);
    let len = u64::from_le_bytes(length.try_into().ok()?);
    if masked(length).to_le_bytes() != sum || len > MOST_BYTES {
        return None;
    }
    // The length is not trusted: the vector grows with the bytes that are there.
    let mut event = Vec::new();
    source.by_ref().take(len + 4).read_to_end(&mut event).ok()?;
    let (event, sum) = event.split_at_checked(len as usize)?;
    let is_whole = masked(event).to_le_bytes() == sum;
    is_whole.then(|| Some((len + 16, protobuf::int(event, 2)?))).flatten()
}

/// HistogramProto: min 1, max 2, num 3, sum 4, sum_squares 5, bucket_limit 6, bucket 7.
fn histogram(weight: &Tensor<f32>) -> Message {
    let values = || weight.data().iter().map(|&x| f64::from(x));
    let (min, max) = values().fold((f64::MAX, f64::MIN), |(min, max), x| (min.min(x), max.max(x)));
    let buckets = if max > min { BUCKETS } else { 1 };
    let width = (max - min) / buckets as f64;
    let mut counts = vec![0.0; buckets];
    for x in values() {
        counts[(((x - min) / width) as usize).min(buckets - 1)] += 1.0;
    }
    let limits: Vec<f64> = (1..buckets).map(|i| min + width * i as f64).chain([max]).collect();
    let numbers = [min, max, weight.len() as f64, values().sum(), values().map(|x| x * x).sum()];
    let message = (1..).zip(numbers).fold(Message::new(), |message, (field, x)| message.double(field, x));
    message.doubles(6, &limits).doubles(7, &counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vector of RFC 3720, section B.4: 32 bytes of zeros.
    #[test]
    fn the_checksum_is_castagnolis() {
        assert_eq!(CRC32C.checksum(&[0; 32]), 0x8a91_36aa);
        assert_eq!(masked(&[0; 32]), 0x8a91_36aa_u32.rotate_right(15).wrapping_add(0xa282_ead8));
    }

    #[test]
    fn events_after_a_step_and_damaged_ones_are_removed() {
        let run = tempfile::tempdir().unwrap();
        let path = run.path().join(DIRECTORY).join(FILE);
        let steps = |last: u64| {
            TensorBoard::open(run.path(), last).unwrap();
            let bytes = fs::read(&path).unwrap();
            let mut source = &bytes[..];
            let mut steps = vec![];
            while let Some((_, step)) = next(&mut source) {
                steps.push(step);
            }
            assert!(source.is_empty(), "only whole records");
            steps
        };
        let mut board = TensorBoard::open(run.path(), 0).unwrap();
        for step in [1, 1, 2, 300] {
            board.summary(step, [Message::new().text(1, "loss").float(2, 0.5)]).unwrap();
        }
        assert_eq!(steps(300), [0, 1, 1, 2, 300]);
        assert_eq!(steps(2), [0, 1, 1, 2]);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(steps(9), [0, 1, 1]);
        let mut damaged = whole.clone();
        let at = damaged.len() - 5;
        damaged[at] ^= 1;
        fs::write(&path, &damaged).unwrap();
        assert_eq!(steps(9), [0, 1, 1]);
        assert_eq!(steps(0), [0], "only the version");
        // A length of many gigabytes, with its checksum.
        let length = (1_u64 << 40).to_le_bytes();
        fs::write(&path, [&length[..], &masked(&length).to_le_bytes()].concat()).unwrap();
        assert_eq!(steps(9), [0]);
    }

    #[test]
    fn buckets_count_every_number() {
        let bytes = |values: &[f32]| histogram(&Tensor::from_slice([values.len()], values)).into_bytes();
        let one = bytes(&[2.0; 5]);
        // Fields 6 and 7 have one number each, 2 and 5.
        let end = [&[0x32, 8][..], &2_f64.to_le_bytes(), &[0x3a, 8], &5_f64.to_le_bytes()].concat();
        assert!(one.ends_with(&end));
        let many: Vec<f32> = (0..640).map(|i| i as f32).collect();
        let counts = bytes(&many);
        let counts = counts[counts.len() - 8 * BUCKETS..].chunks_exact(8);
        let counts: Vec<f64> = counts.map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
        assert_eq!(counts.iter().sum::<f64>(), 640.0);
        assert!(counts.iter().all(|&count| (9.0..=11.0).contains(&count)), "{counts:?}");
    }
}
