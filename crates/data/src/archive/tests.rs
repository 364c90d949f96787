use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};

use super::*;

const MEMBERS: [Member<'static>; 2] =
    [Member { name: "a.bin", bytes: 700 }, Member { name: "b.bin", bytes: 3 }];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A header with a name that may lead anywhere.
fn header(name: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_cksum();
    header
}

/// A tar archive of regular files, without compression.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, content) in files {
        builder.append(&header(name, EntryType::Regular, content.len() as u64), *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A tar archive that is right but for an entry of this name and kind in front.
fn tar_with(name: &str, kind: EntryType) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    builder.append(&header(name, kind, 0), &[][..]).unwrap();
    builder.append(&header("set/a.bin", EntryType::Regular, 700), &[1; 700][..]).unwrap();
    builder.append(&header("set/b.bin", EntryType::Regular, 3), &[2; 3][..]).unwrap();
    builder.into_inner().unwrap()
}

fn read(archive: &[u8]) -> Result<Vec<Vec<u8>>, DataError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("set.tar.gz");
    fs::write(&path, archive).unwrap();
    let contents = read_members(&path, &MEMBERS);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is unpacked");
    contents
}

#[track_caller]
fn damage_of(archive: &[u8]) -> Damage {
    let error = read(archive).unwrap_err();
    assert!(!error.to_string().contains('\n'), "more than one line: {error}");
    match error {
        DataError::Damaged { damage, .. } => damage,
        other => panic!("{other}"),
    }
}

#[test]
fn expected_members_are_read_in_any_order_and_place() {
    let long = "x".repeat(90);
    for files in [
        &[("a.bin", &[1; 700][..]), ("b.bin", &[2; 3])][..],
        &[("set/b.bin", &[2; 3]), ("set/readme.html", b"<html>"), ("./deep/er/a.bin", &[1; 700])],
        &[(&long, &[9; 5000]), ("b.bin", &[2; 3]), ("a.bin", &[1; 700]), ("c", b"")],
    ] {
        assert_eq!(read(&gzip(&tar(files))).unwrap(), [vec![1; 700], vec![2; 3]]);
    }
    for kind in [
        EntryType::Directory,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
        EntryType::GNULongName,
        EntryType::GNULongLink,
    ] {
        assert_eq!(read(&gzip(&tar_with("set/", kind))).unwrap(), [vec![1; 700], vec![2; 3]], "{kind:?}");
    }
}

#[test]
fn missing_doubled_and_wrong_members_are_named() {
    let (a, b) = (("set/a.bin", &[1; 700][..]), ("set/b.bin", &[2; 3][..]));
    assert_eq!(damage_of(&gzip(&tar(&[a]))), Damage::NoMember("b.bin".into()));
    assert_eq!(damage_of(&gzip(&tar(&[]))), Damage::NoMember("a.bin".into()));
    let twice = Damage::Member { path: "other/b.bin".into(), problem: "occurs twice" };
    assert_eq!(damage_of(&gzip(&tar(&[a, b, ("other/b.bin", &[3; 3])]))), twice);
    for size in [0, 2, 4, 600] {
        let wrong = vec![0; size];
        let expected = Damage::MemberSize { path: "b.bin".into(), found: size as u64, expected: 3 };
        assert_eq!(damage_of(&gzip(&tar(&[("b.bin", &wrong), a]))), expected);
    }
}

#[test]
fn links_devices_and_climbing_paths_are_rejected() {
    for kind in [
        EntryType::Link,
        EntryType::Symlink,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::GNUSparse,
        EntryType::new(b'Z'),
    ] {
        for path in ["a.bin", "set/other"] {
            let problem = "is a link, a device or another special file";
            assert_eq!(
                damage_of(&gzip(&tar_with(path, kind))),
                Damage::Member { path: path.into(), problem }
            );
        }
    }
    for path in ["/a.bin", "../a.bin", "set/../../a.bin", "..", "..\\b.bin", "/etc/passwd"] {
        for kind in [EntryType::Regular, EntryType::Directory] {
            let problem = "leads out of the archive";
            assert_eq!(
                damage_of(&gzip(&tar_with(path, kind))),
                Damage::Member { path: path.into(), problem }
            );
        }
    }
    let error = read(&gzip(&tar_with("../new\nline", EntryType::Regular))).unwrap_err();
    assert!(error.to_string().contains(r"../new\nline"), "{error}");
}

/// The size in a header is not believed, and neither is the size of the stream.
#[test]
fn bombs_are_not_unpacked() {
    let limit = EXTRA + 703;
    let after = gzip(&[tar_with("set/", EntryType::Directory), vec![0; 64 << 20]].concat());
    assert!(after.len() < 1 << 20);
    assert_eq!(damage_of(&after), Damage::TooLong(limit));
    let mut before = Builder::new(Vec::new());
    before.append(&header("readme", EntryType::Regular, 64 << 20), &vec![0; 64 << 20][..]).unwrap();
    assert_eq!(damage_of(&gzip(&before.into_inner().unwrap())), Damage::TooLong(limit));

    // A header that announces far more than follows, of a member, of another file, and of the name
    // of the next file.
    for (name, kind) in
        [("a.bin", EntryType::Regular), ("readme", EntryType::Regular), ("x", EntryType::GNULongName)]
    {
        let announced = header(name, kind, 1 << 60);
        let archive = gzip(&[&announced.as_bytes()[..], &[0; 1024]].concat());
        match damage_of(&archive) {
            Damage::MemberSize { found, .. } if name == "a.bin" => assert_eq!(found, 1 << 60),
            Damage::Tar => {}
            other => panic!("{name}: {other}"),
        }
    }
}

#[test]
fn cut_and_garbled_archives_are_damaged() {
    let plain = tar_with("set/", EntryType::Directory);
    let whole = gzip(&plain);
    for kept in [0, 3, 10, whole.len() / 2, whole.len() - 1] {
        assert_eq!(damage_of(&whole[..kept]), Damage::CutShort, "{kept} bytes");
    }
    let mut wrong = whole.clone();
    wrong[whole.len() - 6] ^= 1;
    assert_eq!(damage_of(&wrong), Damage::Corrupt);
    assert_eq!(damage_of(b"no gzip, but a text"), Damage::Corrupt);

    // The tar archive ends early in a whole gzip stream: within a header, within a member, and
    // before the last member.
    for kept in [700, 1100, 1536] {
        assert_eq!(damage_of(&gzip(&plain[..kept])), Damage::Tar, "{kept} bytes");
    }
    assert_eq!(damage_of(&gzip(&plain[..2048])), Damage::NoMember("b.bin".into()));
    assert_eq!(damage_of(&gzip(&[b'x'; 2048])), Damage::Tar);
    let mut checksum = plain.clone();
    checksum[600] ^= 1;
    assert_eq!(damage_of(&gzip(&checksum)), Damage::Tar);
}

#[test]
fn nothing_may_follow_the_archive() {
    let plain = tar_with("set/", EntryType::Directory);
    assert!(read(&gzip(&[&plain[..], &[0; 10_240]].concat())).is_ok(), "padding");
    assert_eq!(damage_of(&gzip(&[&plain[..], b"more"].concat())), Damage::TrailingBytes);
    assert_eq!(damage_of(&[&gzip(&plain)[..], b"more"].concat()), Damage::TrailingBytes);
    assert_eq!(damage_of(&[gzip(&plain), gzip(&plain)].concat()), Damage::TrailingBytes);
}

#[test]
fn only_regular_files_are_opened() {
    let directory = tempfile::tempdir().unwrap();
    assert!(matches!(read_members(directory.path(), &MEMBERS), Err(DataError::NotAFile(_))));
    let missing = read_members(&directory.path().join("none"), &MEMBERS);
    assert!(matches!(missing, Err(DataError::Io { .. })));
}
