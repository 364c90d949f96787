//! Tests downloads from mirrors that work, send wrong data, stall or do not exist. A local server
//! simulates the mirrors.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use adjoint_data::{DataError, Dataset, Downloader, Split};

use crate::support::{Place, Tiny, gzip, message, names};

/// The way in which a mirror answers every request.
#[derive(Clone)]
enum Mirror {
    Serves(Tiny),
    NotFound,
    /// Announces the whole file and closes the connection after this share of the bytes.
    HangsUpAfter(Tiny, f64),
    /// Sends an endless response without announcing a size.
    Floods,
    /// Announces this size in bytes and sends zeros of this size.
    Zeros(usize),
    /// Sends a file of the right size with one wrong bit.
    Garbles(Tiny),
    /// Accepts connections and never answers.
    Silent,
}

/// A mirror on a separate port, which runs until the test ends.
struct Server {
    url: String,
    requests: Arc<AtomicU64>,
    flooded: Arc<AtomicU64>,
}

impl Server {
    fn start(mirror: Mirror) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/files/", listener.local_addr().unwrap());
        let server = Self { url, requests: Arc::default(), flooded: Arc::default() };
        let (requests, flooded) = (server.requests.clone(), server.flooded.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                requests.fetch_add(1, Ordering::SeqCst);
                // The client may close the connection at any time.
                let _ = answer(&mirror, stream.unwrap(), &flooded);
            }
        });
        server
    }

    fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }
}

fn answer(mirror: &Mirror, mut stream: TcpStream, flooded: &AtomicU64) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let file =
        |tiny: &Tiny| gzip(if request.contains("/files/images.gz ") { &tiny.images } else { &tiny.labels });
    let ok = |len: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n");
    match mirror {
        Mirror::Serves(tiny) => stream.write_all(&[ok(file(tiny).len()).into_bytes(), file(tiny)].concat()),
        Mirror::NotFound => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        Mirror::HangsUpAfter(tiny, share) => {
            let body = file(tiny);
            let sent = (body.len() as f64 * share) as usize;
            stream.write_all(&[ok(body.len()).as_bytes(), &body[..sent]].concat())
        }
        Mirror::Floods => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            for _ in 0..100_000 {
                stream.write_all(&[0; 1 << 14])?;
                flooded.fetch_add(1 << 14, Ordering::SeqCst);
            }
            Ok(())
        }
        Mirror::Zeros(len) => stream.write_all(&[ok(*len).into_bytes(), vec![0; *len]].concat()),
        Mirror::Garbles(tiny) => {
            let mut body = file(tiny);
            let middle = body.len() / 2;
            body[middle] ^= 1;
            stream.write_all(&[ok(body.len()).into_bytes(), body].concat())
        }
        Mirror::Silent => {
            thread::sleep(Duration::from_secs(20));
            Ok(())
        }
    }
}

/// A URL without a server.
fn refused() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

/// Loads the tiny dataset into `place`, with `mirrors` for missing files.
fn load(place: &Place, mirrors: &[&str]) -> Result<Dataset, DataError> {
    let mut downloader = Downloader::new(|_| ());
    downloader.patience = Duration::from_secs(1);
    Dataset::load("tiny", Split::Train, &place.with_mirrors(mirrors), Some(&mut downloader))
}

#[test]
fn missing_files_are_fetched_once() {
    let tiny = Tiny::new();
    let (place, server) = (Place::new(&tiny), Server::start(Mirror::Serves(tiny.clone())));
    assert_eq!(load(&place, &[&server.url]).unwrap().len(), 7);
    assert_eq!(names(&place.directory()), ["images.gz", "labels.gz"]);
    assert_eq!(fs::read(place.directory().join("images.gz")).unwrap(), gzip(&tiny.images));
    assert_eq!(server.requests(), 2);

    load(&place, &[&server.url]).unwrap();
    place.load().unwrap();
    assert_eq!(server.requests(), 2);
}

#[test]
fn only_what_is_missing_is_fetched() {
    let tiny = Tiny::new();
    let (place, server) = (Place::new(&tiny), Server::start(Mirror::Serves(tiny.clone())));
    place.write("images", &tiny.images);
    load(&place, &[&server.url]).unwrap();
    assert_eq!(names(&place.directory()), ["images", "labels.gz"]);
    assert_eq!(server.requests(), 1);
}

#[test]
fn progress_is_reported_up_to_the_end() {
    let tiny = Tiny::new();
    let (place, server) = (Place::new(&tiny), Server::start(Mirror::Serves(tiny.clone())));
    let mut told = Vec::new();
    let mut downloader =
        Downloader::new(|p| told.push((p.file.to_string(), p.url.to_string(), p.received, p.total)));
    let options = place.with_mirrors(&[&server.url]);
    Dataset::load("tiny", Split::Train, &options, Some(&mut downloader)).unwrap();
    drop(downloader);
    for (name, content) in [("labels", &tiny.labels), ("images", &tiny.images)] {
        let len = gzip(content).len() as u64;
        let name = format!("{name}.gz");
        let last = told.iter().rfind(|(file, ..)| *file == name).unwrap();
        assert_eq!(last, &(name.clone(), format!("{}{name}", server.url), len, len));
    }
}

/// Each kind of bad mirror is listed before a good mirror. The file of the good mirror is then
/// used, and no data of the bad mirror remains.
#[test]
fn the_next_mirror_makes_good() {
    let tiny = Tiny::new();
    let good = Server::start(Mirror::Serves(tiny.clone()));
    let bad = [
        Mirror::NotFound,
        Mirror::HangsUpAfter(tiny.clone(), 0.5),
        Mirror::HangsUpAfter(tiny.clone(), 0.0),
        Mirror::Garbles(tiny.clone()),
        Mirror::Floods,
        Mirror::Zeros(1_000_000),
        Mirror::Zeros(3),
    ];
    let bad = bad.map(Server::start);
    for url in bad.iter().map(|server| server.url.clone()).chain([refused()]) {
        let place = Place::new(&tiny);
        assert_eq!(load(&place, &[&url, &good.url]).unwrap().labels(), [0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(names(&place.directory()), ["images.gz", "labels.gz"]);
    }
}

#[test]
fn without_a_good_mirror_every_failure_is_named_and_nothing_stays() {
    let tiny = Tiny::new();
    let gz_len = gzip(&tiny.labels).len();
    let mirrors = [
        (Mirror::NotFound, "404"),
        (Mirror::HangsUpAfter(tiny.clone(), 0.5), ""),
        (Mirror::Garbles(tiny.clone()), "another file (SHA-256"),
        (Mirror::Floods, &format!("more than the {gz_len} bytes")),
        (Mirror::Zeros(3), &format!("sent 3 bytes instead of {gz_len}")),
    ];
    let servers: Vec<Server> = mirrors.iter().map(|(mirror, _)| Server::start(mirror.clone())).collect();
    let mut urls: Vec<&str> = servers.iter().map(|server| server.url.as_str()).collect();
    let nobody = refused();
    urls.push(&nobody);

    let place = Place::new(&tiny);
    let directory = place.directory().display().to_string();
    let words: Vec<&str> = urls.iter().copied().chain(mirrors.iter().map(|(_, word)| *word)).collect();
    let error = message(load(&place, &urls), &words);
    assert!(matches!(error, DataError::Download { .. }));
    message(Err::<(), _>(error), &["labels.gz", &directory, "by hand"]);
    assert_eq!(names(&place.directory()), [""; 0]);
}

/// Temporary files of killed processes are removed. Temporary files of running processes are kept,
/// and so are files with similar names.
#[test]
fn leftovers_of_killed_downloads_are_removed() {
    let tiny = Tiny::new();
    let (place, server) = (Place::new(&tiny), Server::start(Mirror::Serves(tiny.clone())));
    let temporary = |name: &str, number: u64| format!("{name}.{number:016x}.partial");
    let others = [
        "images.gz.partial".to_owned(),
        "images.gz.1.partial".to_owned(),
        "images.gz..partial".to_owned(),
        temporary("old-images.gz", 1),
    ];
    let dead = [("images.gz", 1), ("images.gz", u64::MAX), ("labels.gz", 1)];
    for name in dead.map(|(name, number)| temporary(name, number)).iter().chain(&others) {
        place.write(name, b"half");
    }
    let alive = temporary("images.gz", 2);
    let living = fs::File::open(place.write(&alive, b"half")).unwrap();
    living.try_lock().unwrap();

    load(&place, &[&server.url]).unwrap();
    let mut expected = others.to_vec();
    expected.extend([alive, "images.gz".to_owned(), "labels.gz".to_owned()]);
    expected.sort_unstable();
    assert_eq!(names(&place.directory()), expected);
}

/// The client stops after one byte too many; the server can send more bytes only into the buffers
/// of the kernel.
#[test]
fn a_flood_is_cut_off() {
    let tiny = Tiny::new();
    let (place, server) = (Place::new(&tiny), Server::start(Mirror::Floods));
    message(load(&place, &[&server.url]), &["more than"]);
    let flooded = server.flooded.load(Ordering::SeqCst);
    assert!(flooded < 64 << 20, "{flooded} bytes were sent");
}

#[test]
fn a_silent_mirror_is_left() {
    let tiny = Tiny::new();
    let (place, server) = (Place::new(&tiny), Server::start(Mirror::Silent));
    let start = Instant::now();
    message(load(&place, &[&server.url]), &["timeout"]);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(names(&place.directory()), [""; 0]);
}

#[test]
fn a_damaged_file_is_reported_not_replaced() {
    let tiny = Tiny::new();
    let (place, server) = (Place::new(&tiny), Server::start(Mirror::Serves(tiny.clone())));
    let path = place.write("labels.gz", b"mine");
    message(
        load(&place, &[&server.url]),
        &["labels.gz is damaged", "delete it and fetch it again with --download"],
    );
    assert_eq!(fs::read(path).unwrap(), b"mine");
    assert_eq!(server.requests(), 0);
}

#[test]
fn a_directory_that_can_not_be_made_is_named() {
    let tiny = Tiny::new();
    let mut place = Place::new(&tiny);
    let blocked = place.options.data_dir.join("blocked");
    fs::write(&blocked, "").unwrap();
    place.options.data_dir = blocked;
    let error = message(load(&place, &[&refused()]), &["blocked"]);
    assert!(matches!(error, DataError::Io { .. }));
}
