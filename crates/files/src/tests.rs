//! Tests that files are written as a whole by several writers, and that failed or killed writers
//! leave no damage.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::thread;

use crate::faults::{self, Call};
use crate::{Partial, remove_leftovers, resolve, write};

/// Returns the sorted file names in a directory.
fn names(directory: &Path) -> Vec<OsString> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

#[test]
fn a_failed_write_keeps_the_old_file_and_leaves_nothing_behind() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a.txt");
    write(&path, |out| out.write_all(b"old")).unwrap();
    let full = |out: &mut dyn io::Write| {
        out.write_all(&[0; 1 << 20])?;
        Err(io::Error::from(io::ErrorKind::StorageFull))
    };
    assert_eq!(write(&path, full).unwrap_err().kind(), io::ErrorKind::StorageFull);
    for refused in [Call::Create, Call::Write, Call::Sync, Call::Rename] {
        faults::inject(move |call, _| match call == refused {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        });
        write(&path, |out| out.write_all(b"new")).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"old", "{refused:?}");
        assert_eq!(names(place.path()), ["a.txt"], "{refused:?}");
    }
}

#[test]
fn a_file_is_written_by_position_and_read_after_it_is_replaced() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a");
    let mut partial = Partial::create(&path).unwrap();
    partial.write_at(5, b"later").unwrap();
    partial.write_at(1, b"ab").unwrap();
    let mut reader = partial.reader().unwrap();
    faults::inject(
        |call, _| if call == Call::Write { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) },
    );
    assert_eq!(partial.write_at(0, b"x").unwrap_err().kind(), io::ErrorKind::StorageFull);
    faults::inject(|_, _| Ok(()));
    partial.keep().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"\0ab\0\0later");
    write(&path, |out| out.write_all(b"another")).unwrap();
    let mut content = Vec::new();
    reader.read_to_end(&mut content).unwrap();
    assert_eq!(content, b"\0ab\0\0later");
}

#[test]
fn no_file_is_left_beside_a_path_that_is_taken() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("taken")).unwrap();
    write(&place.path().join("taken"), |out| out.write_all(b"x")).unwrap_err();
    write(&place.path().join("nowhere/file"), |out| out.write_all(b"x")).unwrap_err();
    write(Path::new(""), |out| out.write_all(b"x")).unwrap_err();
    assert_eq!(names(place.path()), ["taken"]);
}

/// Writers of one file use different temporary names. The names do not contain the process number,
/// because processes in two containers can have equal numbers.
#[test]
fn writers_of_one_file_do_not_meet() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("shared");
    let [one, two] = [(); 2].map(|()| Partial::create(&path).unwrap());
    let own = names(place.path());
    let id = std::process::id().to_string();
    assert!(own.len() == 2 && own.iter().all(|name| !name.to_string_lossy().contains(&format!(".{id}."))));
    // A third writer does not remove the files of the two running writers as leftovers.
    write(&path, |out| out.write_all(b"third")).unwrap();
    assert_eq!(names(place.path()).len(), 3);
    two.keep().unwrap();
    one.keep().unwrap();
    assert_eq!(names(place.path()), ["shared"]);

    thread::scope(|scope| {
        for writer in 0..8_u8 {
            let path = &path;
            scope.spawn(move || {
                for _ in 0..20 {
                    write(path, |out| (0..100).try_for_each(|_| out.write_all(&[writer; 999]))).unwrap();
                    let content = fs::read(path).unwrap();
                    assert!(content.len() == 99_900 && content.iter().all(|byte| *byte == content[0]));
                }
            });
        }
    });
    assert_eq!(names(place.path()), ["shared"]);
}

#[test]
fn leftovers_of_the_dead_go_and_everything_else_stays() {
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str| {
        fs::write(place.path().join(name), "half").unwrap();
        OsString::from(name)
    };
    let others = [
        "a.partial",
        "a.1.partial",
        "a.0123456789ABCDEF.partial",
        "a.0123456789abcdef",
        "b.0123456789abcdef.partial",
        ".0123456789abcdef.partial",
    ]
    .map(file);
    file("a.0123456789abcdef.partial");
    let living = Partial::create(&place.path().join("a")).unwrap();
    remove_leftovers(place.path(), false, &|stem| stem == "a").unwrap();
    let mut left = names(place.path());
    left.retain(|name| !others.contains(name));
    assert_eq!(left.len(), 1, "the living one: {left:?}");
    drop(living);

    // Without locks, leftovers cannot be distinguished from files of running writers. A process
    // that is alone removes all of them.
    file("a.0123456789abcdef.partial");
    faults::inject(|call, _| match call {
        Call::Lock => Err(io::ErrorKind::Unsupported.into()),
        _ => Ok(()),
    });
    remove_leftovers(place.path(), false, &|stem| stem == "a").unwrap();
    assert_eq!(names(place.path()).len(), others.len() + 1);
    remove_leftovers(place.path(), true, &|stem| stem == "a").unwrap();
    let mut expected = others.to_vec();
    expected.retain(|name| name != "a.partial");
    expected.sort();
    assert_eq!(names(place.path()), expected);
    write(&place.path().join("a"), |out| out.write_all(b"x")).unwrap();
}

/// A file name can have up to 255 bytes. The temporary name of such a file is not longer than that.
#[test]
fn the_longest_names_can_be_written() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("x".repeat(255));
    let temporary = Partial::create(&path).unwrap();
    drop(temporary);
    write(&path, |out| out.write_all(b"x")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"x");
    assert_eq!(names(place.path()).len(), 1);
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::fs::{File, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_file_keeps_its_mode_and_its_owner() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("file");
        write(&path, |out| out.write_all(b"new")).unwrap();
        File::create(place.path().join("plain")).unwrap();
        assert_eq!(mode(&path), mode(&place.path().join("plain")), "a new file has the usual mode");
        for kept in [0o600, 0o640, 0o444, 0o755] {
            fs::set_permissions(&path, Permissions::from_mode(kept)).unwrap();
            let partial = Partial::create(&path).unwrap();
            let temporary = names(place.path()).into_iter().find(|name| name.len() > 5).unwrap();
            assert_eq!(mode(&place.path().join(temporary)), 0o600, "secret until it has its mode");
            partial.keep().unwrap();
            assert_eq!(mode(&path), kept);
        }
        // Only root can change the owner of a file.
        if chown(&path, Some(12345), Some(54321)).is_ok() {
            write(&path, |out| out.write_all(b"newer")).unwrap();
            let found = fs::metadata(&path).unwrap();
            assert_eq!((found.uid(), found.gid(), mode(&path)), (12345, 54321, 0o755));
        }
    }

    #[test]
    fn links_are_followed_to_their_end() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("sub")).unwrap();
        symlink("sub/two", place.path().join("one")).unwrap();
        symlink("../end", place.path().join("sub/two")).unwrap();
        assert_eq!(resolve(&place.path().join("one")), place.path().join("sub/../end"));
        for content in [b"1", b"2"] {
            write(&place.path().join("one"), |out| out.write_all(content)).unwrap();
            assert_eq!(fs::read(place.path().join("end")).unwrap(), content);
        }
        assert!(place.path().join("one").is_symlink() && place.path().join("sub/two").is_symlink());
        assert_eq!(names(&place.path().join("sub")), ["two"]);
        symlink("loop", place.path().join("loop")).unwrap();
        write(&place.path().join("loop"), |out| out.write_all(b"x")).unwrap_err();
        assert!(place.path().join("loop").is_symlink());
    }

    /// A file can be a mount point, as with `docker run --volume FILE:FILE`. It is overwritten in
    /// place.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_is_mounted_is_overwritten_in_place() {
        use std::process::Command;
        let place = tempfile::tempdir().unwrap();
        let [path, source] = ["mounted", "source"].map(|name| place.path().join(name));
        fs::write(&path, "").unwrap();
        fs::write(&source, "something longer").unwrap();
        let mounted = Command::new("mount").arg("--bind").args([&source, &path]).output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: this process may not mount files");
            return;
        }
        let written = write(&path, |out| out.write_all(b"new"));
        let content = fs::read(&source);
        assert!(Command::new("umount").arg(&path).status().unwrap().success());
        written.unwrap();
        assert_eq!(content.unwrap(), b"new");
        assert_eq!(names(place.path()), ["mounted", "source"]);
    }

    /// A file without a name can be opened only through a link in /proc, whose target path does not
    /// exist.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_without_a_name_is_written_in_place() {
        use std::io::Read;
        use std::os::fd::AsRawFd;
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("gone");
        let mut file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let link = format!("/proc/self/fd/{}", file.as_raw_fd());
        write(Path::new(&link), |out| out.write_all(b"here")).unwrap();
        let mut content = String::new();
        file.read_to_string(&mut content).unwrap();
        assert_eq!((content.as_str(), names(place.path()).len()), ("here", 0));
    }
}
