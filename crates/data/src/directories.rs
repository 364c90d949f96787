//! The directories in which datasets and decoded images are stored.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The directory of this project in the cache directory of the platform.
const OURS: &str = "adjoint";

/// Returns the directory that has one subdirectory per stored dataset. It is the first of these:
///
/// 1. `given`, the value of `--data-dir`;
/// 2. the environment variable `ADJOINT_DATA`;
/// 3. `datasets` in the current directory, if it is a directory;
/// 4. `adjoint/datasets` in the cache directory of the platform: `XDG_CACHE_HOME` or `~/.cache`,
///    on macOS `~/Library/Caches`, on Windows `%LOCALAPPDATA%`.
///
/// If the platform has no cache directory, it is `datasets` in the current directory. The directory
/// need not exist.
pub fn data_dir(given: Option<&Path>) -> PathBuf {
    data_dir_of(given, Path::new("."), &Platform::of_process())
}

/// Returns the directory for the caches of decoded images: `given`, the value of `--cache-dir`, or
/// `adjoint/images` in the cache directory of the platform. Returns `None` if the platform has no
/// cache directory. The directory need not exist.
pub fn cache_dir(given: Option<&Path>) -> Option<PathBuf> {
    cache_dir_of(given, &Platform::of_process())
}

/// The system properties that decide the directories.
struct Platform<'a> {
    /// The operating system, as [`std::env::consts::OS`] names it.
    os: &'a str,
    /// Returns the value of an environment variable.
    variable: &'a dyn Fn(&str) -> Option<OsString>,
}

impl Platform<'static> {
    fn of_process() -> Self {
        Self { os: env::consts::OS, variable: &|name| env::var_os(name) }
    }
}

impl Platform<'_> {
    /// The path in an environment variable. An empty variable counts as none.
    fn path(&self, variable: &str) -> Option<PathBuf> {
        (self.variable)(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// The cache directory. The XDG Base Directory Specification says that relative paths are
    /// ignored.
    fn cache(&self) -> Option<PathBuf> {
        let absolute = |variable| self.path(variable).filter(|path| path.is_absolute());
        match self.os {
            "windows" => absolute("LOCALAPPDATA"),
            "macos" => Some(absolute("HOME")?.join("Library/Caches")),
            _ => absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache"))),
        }
    }
}

fn data_dir_of(given: Option<&Path>, current: &Path, platform: &Platform<'_>) -> PathBuf {
    let local = PathBuf::from("datasets");
    let named = given.map(Path::to_path_buf).or_else(|| platform.path("ADJOINT_DATA"));
    named
        .or_else(|| current.join(&local).is_dir().then(|| local.clone()))
        .or_else(|| Some(platform.cache()?.join(OURS).join("datasets")))
        .unwrap_or(local)
}

fn cache_dir_of(given: Option<&Path>, platform: &Platform<'_>) -> Option<PathBuf> {
    given.map(Path::to_path_buf).or_else(|| Some(platform.cache()?.join(OURS).join("images")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `test` with a platform that has these environment variables.
    fn with<T>(os: &str, variables: &[(&str, &str)], test: impl FnOnce(&Platform<'_>) -> T) -> T {
        let variable = |wanted: &str| {
            variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| OsString::from(value))
        };
        test(&Platform { os, variable: &variable })
    }

    #[cfg(unix)] // `/` starts an absolute path
    #[test]
    fn the_first_directory_of_the_search_order_counts() {
        let root = tempfile::tempdir().unwrap();
        let all = [("ADJOINT_DATA", "/data"), ("XDG_CACHE_HOME", "/cache"), ("HOME", "/home/me")];
        let dir = |given: Option<&str>, variables: &[(&str, &str)]| {
            with("linux", variables, |platform| data_dir_of(given.map(Path::new), root.path(), platform))
        };
        assert_eq!(dir(Some("mine"), &all), Path::new("mine"));
        assert_eq!(dir(None, &all), Path::new("/data"));
        assert_eq!(dir(None, &all[1..]), Path::new("/cache/adjoint/datasets"));
        assert_eq!(dir(None, &all[2..]), Path::new("/home/me/.cache/adjoint/datasets"));
        assert_eq!(dir(None, &[("ADJOINT_DATA", ""), all[2]]), Path::new("/home/me/.cache/adjoint/datasets"));
        assert_eq!(dir(None, &[]), Path::new("datasets"));

        std::fs::write(root.path().join("datasets"), "a file").unwrap();
        assert_eq!(dir(None, &all[1..]), Path::new("/cache/adjoint/datasets"));
        std::fs::remove_file(root.path().join("datasets")).unwrap();
        std::fs::create_dir(root.path().join("datasets")).unwrap();
        assert_eq!(dir(None, &all[1..]), Path::new("datasets"));
        assert_eq!(dir(None, &all), Path::new("/data"));
    }

    #[cfg(unix)] // `/` starts an absolute path
    #[test]
    fn every_platform_has_its_cache_directory() {
        let dir = |os, variables: &[(&str, &str)]| {
            with(os, variables, |platform| cache_dir_of(None, platform))
                .map(|path| path.display().to_string())
        };
        let all = [("XDG_CACHE_HOME", "/xdg"), ("HOME", "/home"), ("LOCALAPPDATA", "/local")];
        assert_eq!(dir("linux", &all).unwrap(), "/xdg/adjoint/images");
        assert_eq!(dir("freebsd", &all[1..]).unwrap(), "/home/.cache/adjoint/images");
        assert_eq!(dir("macos", &all).unwrap(), "/home/Library/Caches/adjoint/images");
        assert_eq!(dir("windows", &all).unwrap(), "/local/adjoint/images");
        assert_eq!(
            dir("linux", &[("XDG_CACHE_HOME", "relative"), all[1]]).unwrap(),
            "/home/.cache/adjoint/images"
        );
        for os in ["linux", "macos", "windows"] {
            assert_eq!(dir(os, &[]), None);
        }
        let given = with("linux", &all, |platform| cache_dir_of(Some(Path::new("mine")), platform));
        assert_eq!(given.unwrap(), Path::new("mine"));
    }
}
