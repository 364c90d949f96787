//! Arrays in a `.npz` file, which is a zip archive of `.npy` files. Members are stored or
//! deflated, as `numpy.savez` and `numpy.savez_compressed` write them.
//!
//! The size of a member is that which the header of its array announces. It is checked before
//! anything is allocated, and a member is read as a stream.

use std::io::{BufReader, Read, Seek};
use std::path::Path;

use adjoint_npy::{Header, NpyError, Reader};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::ArrayProblem;
use super::place::Place;
use crate::DataError;
use crate::escape::Shown;
use crate::regular;

/// Deflate shortens data at most by this factor (RFC 1951: 258 bytes in two bits).
const MAX_RATIO: u64 = 1032;
/// The most arrays that an error lists, and the most characters of their names.
const LISTED: usize = 12;
const SHOWN: usize = 40;
/// The names of the array of images, if several arrays have the shape of images.
const IMAGES: [&str; 3] = ["images", "x", "data"];
/// The words in the names of arrays of a split.
const SPLITS: [&str; 2] = ["train", "test"];
/// The names of the array of labels.
const LABELS: [&str; 3] = ["labels", "y", "label"];

/// An array of an archive.
struct Member {
    index: usize,
    name: String,
    header: Result<Header, ArrayProblem>,
}

impl Member {
    /// The shape of the array; without axes, if it cannot be read.
    fn shape(&self) -> &[usize] {
        self.header.as_ref().map_or(&[], |header| &header.shape)
    }

    fn is_named(&self, names: &[&str]) -> bool {
        names.contains(&self.name.as_str())
    }

    /// Does the array have the number of axes of images?
    fn are_images(&self) -> bool {
        matches!(self.shape().len(), 3 | 4)
    }

    /// Are its elements integers, in the shape of labels?
    fn are_labels(&self, images: usize) -> bool {
        let is_column = |shape: &[usize]| shape == [images] || shape == [images, 1];
        self.header.as_ref().is_ok_and(|header| is_column(&header.shape) && !header.dtype.is_float())
    }

    /// Does its name say that it belongs to this split?
    fn is_of(&self, split: &str) -> bool {
        self.name.to_ascii_lowercase().contains(split)
    }

    fn place(&self, archive: &Place) -> Place {
        archive.member(self.index, &self.name)
    }
}

/// The places of an array of images and of its labels.
pub(super) struct ChosenPart {
    pub(super) images: Place,
    pub(super) labels: Option<Place>,
}

/// The arrays that a dataset consists of.
pub(super) struct Chosen {
    /// All images; or the training images and then the test images.
    pub(super) parts: Vec<ChosenPart>,
    /// The names of arrays that could be images and are not used.
    unused: Vec<String>,
}

impl Chosen {
    /// The only array of a file.
    pub(super) fn only(part: ChosenPart) -> Self {
        Self { parts: vec![part], unused: vec![] }
    }
}

/// Returns the arrays of images and of labels in an archive. The module `arrays` has the rules.
pub(super) fn choose(path: &Path) -> Result<Chosen, DataError> {
    let archive = Place::file(path)?;
    let members = members(BufReader::new(regular::open(path)?)).map_err(|problem| archive.error(problem))?;
    let error = |problem: fn(String) -> ArrayProblem| archive.error(problem(list(&members)));

    let images: Vec<&Member> = members.iter().filter(|member| member.are_images()).collect();
    let named: Vec<&Member> = images.iter().copied().filter(|member| member.is_named(&IMAGES)).collect();
    let of_splits = SPLITS.map(|split| only(images.iter().copied().filter(|member| member.is_of(split))));
    let with_labels = |images: &Member, labels: &[&Member]| match *labels {
        [] => Ok(ChosenPart { images: images.place(&archive), labels: None }),
        [labels] => Ok(ChosenPart { images: images.place(&archive), labels: Some(labels.place(&archive)) }),
        _ => Err(error(ArrayProblem::ManyLabels)),
    };
    let without = |used: &[&Member]| {
        let unused = images.iter().filter(|member| used.iter().all(|used| used.index != member.index));
        unused.map(|member| member.name.clone()).collect::<Vec<_>>()
    };
    let used = match (&images[..], &named[..], of_splits) {
        ([images], ..) | (_, [images], _) => *images,
        ([], ..) => return Err(error(ArrayProblem::NoImages)),
        (.., [Some(train), Some(test)]) => {
            let unused = without(&[train, test]);
            let [train, test] = [(train, SPLITS[0]), (test, SPLITS[1])].map(|(images, split)| {
                let of_split = members.iter().filter(|member| member.is_of(split));
                let labels = of_split.filter(|member| member.are_labels(images.shape()[0]));
                with_labels(images, &labels.collect::<Vec<_>>())
            });
            let both = [train?, test?];
            return match both.each_ref().map(|chosen| chosen.labels.is_some()) {
                [true, false] | [false, true] => Err(error(ArrayProblem::LabelsOfOneSplit)),
                _ => Ok(Chosen { parts: both.into(), unused }),
            };
        }
        _ => return Err(error(ArrayProblem::ManyImages)),
    };
    let mut labels: Vec<&Member> = members.iter().filter(|member| member.is_named(&LABELS)).collect();
    if labels.is_empty() {
        labels = members.iter().filter(|member| member.are_labels(used.shape()[0])).collect();
    }
    Ok(Chosen { parts: vec![with_labels(used, &labels)?], unused: without(&[used]) })
}

/// Returns the only element.
fn only<'m>(mut members: impl Iterator<Item = &'m Member>) -> Option<&'m Member> {
    members.next().filter(|_| members.next().is_none())
}

/// Says which arrays of an archive were chosen, in one line. `None` for a file that is one array.
pub(super) fn describe(path: &Path, chosen: &Chosen) -> Option<String> {
    let name = |place: &Place| Some(format!("{:?}", place.member.as_ref()?.1));
    let parts: Option<Vec<String>> = chosen
        .parts
        .iter()
        .map(|chosen| {
            let labels = chosen.labels.as_ref().and_then(name);
            let labels =
                labels.map_or("without labels".to_owned(), |labels| format!("with the labels {labels}"));
            Some(format!("{} {labels}", name(&chosen.images)?))
        })
        .collect();
    let used = match &parts?[..] {
        [train, test] => format!("{}: training images are {train}, test images are {test}", Shown(path)),
        parts => format!("{}: images are {}", Shown(path), parts.join(", ")),
    };
    let unused: Vec<String> = chosen.unused.iter().take(LISTED).map(|name| shown(name)).collect();
    Some(if unused.is_empty() { used } else { format!("{used}; not used: {}", unused.join(", ")) })
}

/// Reads the headers of all arrays of an archive.
fn members(file: BufReader<std::fs::File>) -> Result<Vec<Member>, ArrayProblem> {
    let mut archive = ZipArchive::new(file).map_err(of_zip)?;
    let mut members = vec![];
    for index in 0..archive.len() {
        let name = archive.name_for_index(index).unwrap_or_default();
        if let Some(name) = name.strip_suffix(".npy") {
            let name = name.to_owned();
            let header = read_member(&mut archive, index, |reader| Ok(reader.header().clone()));
            if let Err(ArrayProblem::Npy(NpyError::Io(error))) = header {
                return Err(NpyError::Io(error).into());
            }
            members.push(Member { index, name, header });
        }
    }
    Ok(members)
}

/// Opens the archive in `file`, and passes the array that is its member `index` to `of`.
pub(super) fn read<T>(
    file: impl Read + Seek,
    index: usize,
    of: impl FnOnce(Reader<'_>) -> Result<T, ArrayProblem>,
) -> Result<T, ArrayProblem> {
    read_member(&mut ZipArchive::new(file).map_err(of_zip)?, index, of)
}

fn read_member<T>(
    archive: &mut ZipArchive<impl Read + Seek>,
    index: usize,
    of: impl FnOnce(Reader<'_>) -> Result<T, ArrayProblem>,
) -> Result<T, ArrayProblem> {
    let listed = archive.by_index_raw(index).map_err(of_zip)?;
    let (unpacked, packed) = (listed.size(), listed.compressed_size());
    if unpacked > packed.saturating_mul(MAX_RATIO) {
        return Err(ArrayProblem::Bomb { unpacked, packed });
    }
    if !matches!(listed.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(ArrayProblem::Zip("its compression is not deflate".into()));
    }
    drop(listed);
    let mut member = archive.by_index(index).map_err(of_zip)?;
    let reader = Reader::new(&mut member, unpacked);
    reader.map_err(ArrayProblem::from).and_then(of).map_err(|problem| match problem {
        // The checksum is wrong, or the decoder found an error.
        ArrayProblem::Npy(NpyError::Io(error)) if error.raw_os_error().is_none() => {
            ArrayProblem::Zip(format!("it is damaged ({error})"))
        }
        problem => problem,
    })
}

/// The name of an array in quotes, shortened if it is long.
fn shown(name: &str) -> String {
    format!("{:?}", name.chars().take(SHOWN).collect::<String>())
}

/// Describes the arrays of an archive.
fn list(members: &[Member]) -> String {
    let mut parts: Vec<String> = members
        .iter()
        .take(LISTED)
        .map(|member| {
            let name = shown(&member.name);
            match &member.header {
                Ok(header) => format!("{name} {} {:?}", header.dtype, header.shape),
                Err(problem) => format!("{name} ({problem})"),
            }
        })
        .collect();
    match members.len() {
        0 => "no arrays".to_owned(),
        more if more > LISTED => {
            parts.push(format!("and {} more", more - LISTED));
            parts.join(", ")
        }
        _ => parts.join(", "),
    }
}

/// Converts an error of the archive. Errors of the operating system remain such.
fn of_zip(error: ZipError) -> ArrayProblem {
    match error {
        ZipError::Io(error) => NpyError::from(error).into(),
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
            ArrayProblem::Zip("it is encrypted".into())
        }
        error => ArrayProblem::Zip(error.to_string().replace('\n', " ")),
    }
}
