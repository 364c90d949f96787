//! Tests of datasets of binary records: the archive, plain files, and split by fraction.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::thread;

use adjoint_data::{DataError, Dataset, Digest, Downloader, Kind, Manifest, Options, Split, source};
use tempfile::TempDir;

use crate::support::{gzip, message, names};

/// Records in each file.
const ITEMS: usize = 30;
const FILES: [&str; 3] = ["one.bin", "two.bin", "test.bin"];

/// The records of a file. Record i has the class i % 3; its planes are filled with `red`, i and
/// i + 100.
fn file(red: u8) -> Vec<u8> {
    let planes = |item: u8| [red, item, item + 100].map(|value| vec![value; 16 * 16]).concat();
    (0..ITEMS as u8).flat_map(|item| [vec![item % 3], planes(item)].concat()).collect()
}

fn contents() -> [Vec<u8>; 3] {
    [1, 2, 9].map(file)
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append_data(&mut header, format!("set/{name}"), *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// The archive of all files.
fn archive() -> Vec<u8> {
    let contents = contents();
    gzip(&tar(&[
        (FILES[2], &contents[2]),
        (FILES[0], &contents[0]),
        ("readme", b"!"),
        (FILES[1], &contents[1]),
    ]))
}

/// A directory for the dataset `set`.
struct Place {
    root: TempDir,
    options: Options,
}

impl Place {
    fn new() -> Self {
        Self::with_manifest(&manifest(&archive(), &["http://localhost/"]))
    }

    fn with_manifest(manifest: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let options = Options {
            data_dir: root.path().to_path_buf(),
            image_size: 16,
            manifest: Manifest::parse(manifest).unwrap(),
            ..Options::default()
        };
        Self { root, options }
    }

    fn directory(&self) -> PathBuf {
        self.root.path().join("set")
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        fs::create_dir_all(self.directory()).unwrap();
        let path = self.directory().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn load(&self, split: Split) -> Result<Dataset, DataError> {
        Dataset::load("set", split, &self.options, None)
    }
}

fn manifest(archive: &[u8], mirrors: &[&str]) -> String {
    let file = |name: &str| format!("{{ name = \"{name}\", items = {ITEMS} }}");
    let [one, two, test] = FILES.map(file);
    format!(
        "[set]\nformat = \"cifar\"\nmirrors = {mirrors:?}\nsize = [16, 16]\nclasses = [\"a\", \"b\", \"c\"]\n\
         label_bytes = 1\ntrain = [{one}, {two}]\ntest = [{test}]\n\
         [set.archive]\nname = \"set.tar.gz\"\nbytes = {}\nsha256 = \"{}\"\n",
        archive.len(),
        Digest::of(archive)
    )
}

/// The red, green and blue value of every image.
fn colors(set: &Dataset) -> Vec<[u8; 3]> {
    let mut image = vec![0; set.image_len()];
    (0..set.len())
        .map(|index| {
            set.image(index, &mut image).unwrap();
            assert!(image.chunks_exact(3).all(|pixel| pixel == &image[..3]));
            [image[0], image[1], image[2]]
        })
        .collect()
}

fn all(red: u8) -> Vec<[u8; 3]> {
    (0..ITEMS as u8).map(|item| [red, item, item + 100]).collect()
}

#[track_caller]
fn assert_whole(place: &Place) {
    let (train, test) = (place.load(Split::Train).unwrap(), place.load(Split::Test).unwrap());
    assert_eq!((train.channels(), train.classes().len(), train.image_size()), (3, 3, 16));
    assert_eq!(colors(&train), [all(1), all(2)].concat());
    assert_eq!(colors(&test), all(9));
    assert_eq!(train.labels()[29..33], [2, 0, 1, 2]);
}

#[test]
fn the_archive_is_read_and_its_records_are_kept() {
    let place = Place::new();
    let path = place.write("set.tar.gz", &archive());
    assert_whole(&place);
    assert!(place.load(Split::Train).unwrap().notes().is_empty());
    let kept = ["set.test.records", "set.train.records"];
    assert_eq!(names(&place.directory()), ["set.tar.gz", kept[0], kept[1]]);

    // The kept records alone are enough, and a damaged one is replaced from the archive.
    fs::remove_file(&path).unwrap();
    assert_whole(&place);
    let train = place.directory().join(kept[1]);
    let mut damaged = fs::read(&train).unwrap();
    damaged[5] ^= 1;
    fs::write(&train, &damaged).unwrap();
    message(place.load(Split::Train), &["there is no set.tar.gz", "--download"]);
    place.write("set.tar.gz", &archive());
    assert_whole(&place);
    assert_ne!(fs::read(&train).unwrap(), damaged);
}

#[test]
fn records_that_cannot_be_kept_are_noted() {
    let place = Place::new();
    place.write("set.tar.gz", &archive());
    for split in ["train", "test"] {
        fs::create_dir(place.directory().join(format!("set.{split}.records"))).unwrap();
    }
    let train = place.load(Split::Train).unwrap();
    assert_eq!(colors(&train), [all(1), all(2)].concat());
    assert!(train.notes()[0].contains("cannot be written"), "{:?}", train.notes());
}

#[test]
fn another_archive_is_named_and_not_read() {
    let place = Place::new();
    let mut other = archive();
    *other.last_mut().unwrap() ^= 1;
    place.write("set.tar.gz", &other);
    message(place.load(Split::Train), &["set.tar.gz is damaged", "its SHA-256 is", "fetch it again"]);
    assert_eq!(names(&place.directory()), ["set.tar.gz"]);
    // Plain files beside it are used instead.
    for (name, content) in FILES.iter().zip(contents()) {
        place.write(name, &content);
    }
    assert_whole(&place);
}

/// An archive with the right checksum is checked all the same, because a manifest may be a user's.
#[test]
fn hostile_archives_fail_on_one_line() {
    let [one, two, test] = contents();
    let mut wrong = two.clone();
    wrong[0] = 3;
    let whole = tar(&[(FILES[0], &one), (FILES[1], &two), (FILES[2], &test)]);
    for (archive, words) in [
        (gzip(&tar(&[(FILES[0], &one), (FILES[1], &two)])), "no member test.bin"),
        (gzip(&tar(&[(FILES[0], &one), (FILES[1], &two[1..]), (FILES[2], &test)])), "two.bin"),
        (gzip(&tar(&[(FILES[0], &one), (FILES[1], &wrong), (FILES[2], &test)])), "label number 30 is 3"),
        (gzip(&[tar(&[(FILES[0], &one)]), vec![0; 4 << 20]].concat()), "no member two.bin"),
        (gzip(&[whole, vec![0; 4 << 20]].concat()), "more than the expected"),
    ] {
        let place = Place::with_manifest(&manifest(&archive, &[]));
        place.write("set.tar.gz", &archive);
        message(place.load(Split::Train), &["set.tar.gz is damaged", words, "; replace it"]);
    }
}

#[test]
fn plain_files_are_read_in_any_number() {
    let [one, two, test] = contents();
    let place = Place::new();
    place.write("two.bin", &two);
    place.write("test.bin", &test);
    let train = place.load(Split::Train).unwrap();
    assert_eq!(colors(&train), all(2));
    let note = &train.notes()[0];
    for words in ["30 of 60 images", "two.bin", "only set.tar.gz", "may not be the official"] {
        assert!(note.contains(words) && !note.contains('\n'), "{note}");
    }
    place.write("one.bin", &one[..one.len() / 3]);
    assert_eq!(colors(&place.load(Split::Train).unwrap()), [&all(1)[..10], &all(2)].concat());
    assert_eq!(colors(&place.load(Split::Test).unwrap()), all(9));
    let options = Options { limit: Some(5), ..place.options.clone() };
    let few = Dataset::load("set", Split::Train, &options, None).unwrap();
    assert_eq!((few.len(), few.notes().len()), (5, 1));
    // There is no black margin as around digits: the colour fills a larger image.
    let options = Options { image_size: 18, ..place.options.clone() };
    assert_eq!(colors(&Dataset::load("set", Split::Test, &options, None).unwrap()), all(9));

    place.write("two.bin", &two[1..]);
    message(place.load(Split::Train), &["two.bin is damaged", "not a number of records of 769 bytes"]);
    place.write("two.bin", &[&two[..], &two].concat());
    message(place.load(Split::Train), &["two.bin is damaged", "more than the expected"]);
    place.write("two.bin", &[]);
    message(place.load(Split::Train), &["two.bin is damaged", "it has 0 bytes", "; replace it"]);
}

#[test]
fn without_test_images_a_fraction_is_held_out() {
    let [one, two, _] = contents();
    let mut place = Place::new();
    place.options.test_fraction = 0.2;
    place.write("one.bin", &one);
    place.write("two.bin", &two);
    let (train, test) = (place.load(Split::Train).unwrap(), place.load(Split::Test).unwrap());
    assert!((4..24).contains(&test.len()), "{}", test.len());
    let mut together = [colors(&train), colors(&test)].concat();
    together.sort_unstable();
    assert_eq!(together, [all(1), all(2)].concat());
    for class in 0..3 {
        assert!(test.labels().contains(&class) && train.labels().contains(&class));
    }
    assert!(test.notes()[1].contains("without test.bin"), "{:?}", test.notes());
    // A record keeps its split when another file goes.
    fs::remove_file(place.directory().join("one.bin")).unwrap();
    let twos: Vec<_> = colors(&test).into_iter().filter(|color| color[0] == 2).collect();
    assert_eq!(colors(&place.load(Split::Test).unwrap()), twos);

    // A manifest without test images, and an archive.
    let archive = archive();
    let without: String = manifest(&archive, &[])
        .lines()
        .filter(|line| !line.starts_with("test"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let place = Place::with_manifest(&without);
    place.write("set.tar.gz", &archive);
    for _ in ["unpacked", "kept"] {
        let (train, test) = (place.load(Split::Train).unwrap(), place.load(Split::Test).unwrap());
        assert_eq!(train.len() + test.len(), 60);
        assert!(!test.is_empty() && train.len() > test.len());
    }
    assert_eq!(names(&place.directory()), ["set.tar.gz", "set.train.records"]);
}

#[test]
fn nothing_to_read_is_a_missing_archive() {
    let place = Place::new();
    message(place.load(Split::Train), &["no set.tar.gz", "--download"]);
    place.write("test.bin", &contents()[2]);
    message(place.load(Split::Train), &["no set.tar.gz"]);
    assert_eq!(place.load(Split::Test).unwrap().len(), ITEMS);

    let plain: String = manifest(&[1], &[])
        .lines()
        .take_while(|line| *line != "[set.archive]")
        .flat_map(|line| [line, "\n"])
        .collect();
    let place = Place::with_manifest(&plain);
    let (mut online, mut offline) = (Downloader::new(|_| ()), Downloader::offline());
    for downloader in [None, Some(&mut online), Some(&mut offline)] {
        let loaded = Dataset::load("set", Split::Train, &place.options, downloader);
        let error = message(loaded, &["one.bin is not in", "no mirror", "put the file there"]);
        assert!(matches!(error, DataError::NoMirror { .. }));
    }
}

/// A server that answers each request for `/set.tar.gz` with `body`.
fn serve(body: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 1024];
            let count = stream.read(&mut request).unwrap();
            assert!(request[..count].starts_with(b"GET /set.tar.gz "));
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        }
    });
    url
}

#[test]
fn a_missing_archive_is_fetched_and_kept() {
    let archive = archive();
    let url = serve(archive.clone());
    let place = Place::with_manifest(&manifest(&archive, &[&url]));
    let mut told = Vec::new();
    let mut downloader = Downloader::new(|progress| told.push((progress.received, progress.total)));
    let train = Dataset::load("set", Split::Train, &place.options, Some(&mut downloader)).unwrap();
    assert_eq!(train.len(), 60);
    drop(downloader);
    assert_eq!(told.last(), Some(&(archive.len() as u64, archive.len() as u64)));
    assert_eq!(fs::read(place.directory().join("set.tar.gz")).unwrap(), archive);
    assert_whole(&place);
}

#[test]
fn offline_nothing_is_fetched() {
    let url = serve(vec![]);
    let place = Place::with_manifest(&manifest(&archive(), &[&url]));
    let load = || Dataset::load("set", Split::Train, &place.options, Some(&mut Downloader::offline()));
    let error = message(load(), &["set.tar.gz is not in", "--offline allows no download", "set"]);
    assert!(matches!(error, DataError::Offline { .. }));
    assert!(!place.directory().exists());
    place.write("set.tar.gz", &archive());
    assert_eq!(load().unwrap().len(), 60);
}

#[test]
fn the_built_in_sets_of_records_are_what_they_are_called() {
    let options = Options::default();
    for (name, classes, first, last) in
        [("cifar10", 10, "airplane", "truck"), ("cifar100", 100, "apple", "worm")]
    {
        let source = source(name, &options).unwrap();
        let names = source.classes().unwrap();
        assert_eq!((source.channels(), source.kind(), names.len()), (3, Kind::Stored, classes));
        assert_eq!((&*names[0], &*names[classes - 1]), (first, last));
    }
    assert_eq!(source("kmnist", &options).unwrap().classes().unwrap().len(), 10);
}
