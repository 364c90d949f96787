//! Tests of runs on a user's own images: folders and arrays. They train, resume, sample and
//! evaluate, also after the folder was moved or changed.

use adjoint_testing::Program;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// Number of images per class.
const IMAGES: u8 = 24;

/// Returns a BMP file of `width` x `height` pixels. Its brightness falls from left to right, and
/// its colour depends on `seed`.
fn bmp(width: u8, height: u8, seed: u8) -> Vec<u8> {
    let row = (usize::from(width) * 3).next_multiple_of(4);
    let size = row * usize::from(height);
    let mut file = b"BM".to_vec();
    for number in [54 + size as u32, 0, 54, 40, u32::from(width), u32::from(height)] {
        file.extend(number.to_le_bytes());
    }
    file.extend([1, 0, 24, 0]);
    for number in [0, size as u32, 0, 0, 0, 0] {
        file.extend(number.to_le_bytes());
    }
    for y in 0..height {
        let pixels =
            (0..width).flat_map(|x| [255 - 8 * (x % 32), seed.wrapping_mul(40), y.wrapping_mul(seed)]);
        file.extend(pixels.chain(std::iter::repeat(0)).take(row));
    }
    file
}

/// Writes a folder with two classes, with names that are awkward in a shell.
fn folder(root: &Path) {
    for (class, name) in ["dark cats", "it's\nbright"].into_iter().enumerate() {
        let place = root.join(name);
        fs::create_dir_all(&place).unwrap();
        for i in 0..IMAGES {
            let (width, height) = (20 + i, 30 - i % 7);
            let image = bmp(width, height, 2 * i + class as u8);
            fs::write(place.join(format!("image {i:02}.BMP")), image).unwrap();
        }
    }
}

fn program(name: &'static str) -> Program {
    let program = Program::new(name);
    folder(&program.directory().join("My Photos!"));
    program
}

const SMALL: [&str; 8] = ["--image-size", "16", "--batch-size", "8", "--steps", "3", "--width", "2"];

#[test]
fn a_folder_is_trained_sampled_and_evaluated() {
    let program = program("train-cgan");
    fs::write(program.directory().join("My Photos!/notes.txt"), "no image").unwrap();
    let said = program.warns(&[&SMALL[..], &["--dataset", "My Photos!", "--quiet"]].concat());
    assert_eq!(said, "skipped entries: 1 (not images)\n");
    let run = "cgan-my-photos-001";
    let config = String::from_utf8(program.read(run, "config.toml")).unwrap();
    let place = program.directory().canonicalize().unwrap().join("My Photos!");
    assert!(config.contains(&format!("\ndataset = \"{}\"\n", place.display())), "{config}");
    assert!(config.contains("\ndataset_sha256 = \""), "{config}");
    let list = String::from_utf8(program.read(run, "images.txt")).unwrap();
    assert_eq!(list.lines().count(), 2 * usize::from(IMAGES));
    assert!(list.contains("\tit's\\nbright/image 00.BMP\n"), "{list}");

    let said = program.succeed_by("sample", &["classes", "runs/cgan-my-photos-001", "--n", "3"]);
    assert!(said.contains("2 classes, one per row"), "{said}");
    program.succeed_by("sample", &["neighbours", "runs/cgan-my-photos-001"]);
    let arguments =
        ["runs/cgan-my-photos-001", "--samples", "100", "--judge-steps", "3", "--labelled", "100"];
    let table = program.succeed_by("evaluate", &arguments);
    assert!(table.contains("my-photos, 16x16"), "{table}");
}

/// The user moves the folder, then changes an image.
#[test]
fn a_moved_folder_is_found_and_a_changed_one_is_rejected() {
    let program = program("train-vae");
    let flags = ["--image-size", "16", "--batch-size", "8", "--hidden", "4", "--quiet"];
    let train = |name: &str, steps: &str| {
        let own = ["--dataset", "My Photos!", "--name", name, "--steps", steps];
        program.succeed(&[&flags[..], &own].concat());
    };
    train("a", "3");
    train("whole", "5");
    let [old, new] = ["My Photos!", "moved"].map(|name| program.directory().join(name));
    fs::rename(&old, &new).unwrap();
    let advice =
        "My Photos!: the images of the run are not there; if they are elsewhere now, give their path";
    program.fail(&["--resume", "runs/a", "--steps", "5"], advice);
    program.succeed_by("sample", &["grid", "runs/a"]);
    program.succeed(&["--resume", "runs/a", "--steps", "5", "--quiet", "--dataset", "moved"]);
    let weights = |run| program.read(run, "decoder.safetensors");
    assert!(weights("a") == weights("whole"), "a resumed run gives the weights of an uninterrupted one");
    program.succeed_by("sample", &["reconstruct", "runs/whole", "--dataset", "moved"]);
    // A flag replaces the recorded flag that it conflicts with.
    program.succeed(&["--resume", "runs/a", "--steps", "6", "--quiet", "--cache-dir", "caches"]);
    program.succeed(&["--resume", "runs/a", "--steps", "7", "--quiet", "--no-cache"]);
    program.succeed(&["--resume", "runs/a", "--steps", "8", "--quiet", "--cache-dir", "caches"]);
    program.succeed(&["--resume", "runs/whole", "--steps", "8", "--quiet", "--dataset", "moved"]);
    // The directory of the cache may be gone, too.
    fs::write(program.directory().join("file"), "").unwrap();
    let cache = ["sample", "reconstruct", "runs/whole", "--dataset", "moved", "--cache-dir", "file/caches"];
    program.fail_by(cache[0], &cache[1..], "choose another directory with --cache-dir");
    program.succeed_by("sample", &["reconstruct", "runs/whole", "--dataset", "moved", "--no-cache"]);
    program.train("train-vae", "glyphs", &["--image-size", "16", "--hidden", "4"]);
    for flag in [&["--dataset", "moved"][..], &["--no-cache"], &["--cache-dir", "caches"]] {
        let expected = format!("trained on a named dataset; leave out {}", flag[0]);
        program.fail_by("sample", &[&["grid", "runs/glyphs"][..], flag].concat(), &expected);
    }

    fs::write(new.join("dark cats/image 03.BMP"), bmp(20, 20, 77)).unwrap();
    let first = "not the images of the run: dark cats/image 03.BMP has different pixels";
    program.fail(&["--resume", "runs/a", "--steps", "9"], first);
    program.fail_by("evaluate", &["runs/a"], first);
    fs::remove_file(new.join("dark cats/image 03.BMP")).unwrap();
    program.fail(&["--resume", "runs/a", "--steps", "9"], "dark cats/image 03.BMP is missing");
    assert!(weights("a") == weights("whole"), "nothing is lost");
}

#[test]
fn wrong_folders_and_flags_are_explained() {
    let program = program("train-dcgan");
    let dataset = |path: &str, flags: &[&str], expected: &str| {
        program.fail(&[&SMALL[..], &["--dataset", path], flags].concat(), expected);
    };
    let place = program.directory();
    dataset("none", &[], "there is no dataset \"none\"");
    dataset("./none", &[], "there is no directory or file ./none");
    dataset("My Photos!/dark cats/image 00.BMP", &[], "neither a directory of images nor an array");
    fs::create_dir(place.join("empty")).unwrap();
    dataset("empty", &[], "empty");
    fs::create_dir(place.join("broken")).unwrap();
    for i in 0..20 {
        fs::write(place.join(format!("broken/{i}.png")), &b"\x89PNG\r\n\x1a\nno"[..]).unwrap();
    }
    dataset("broken", &[], "broken/0.png");
    dataset("My Photos!", &["--channels", "2"], "it is 1 (grayscale) or 3 (colour)");
    dataset("My Photos!", &["--background", "red"], "white, black, gray, or #rrggbb");
    dataset("My Photos!", &["--fit", "margin"], "--fit");
    dataset("My Photos!", &["--download"], "--download has no effect here");
    dataset("glyphs", &["--skip-broken"], "--skip-broken has no effect here: it is for a folder of images");
    let unused = "--no-cache has no effect here: it is for a folder of images or an array";
    dataset("glyphs", &["--no-cache"], unused);
    dataset("glyphs", &["--fit", "pad"], "--fit has no effect here");

    let inside = ["--dataset", ".", "--image-size", "16"];
    program.fail(&inside, "runs: it is inside the folder of images; name a directory elsewhere with --out");
    program.fail_by(
        "train-vae",
        &["--dataset", "My Photos!", "--image-size", "16", "--batch-size", "8", "--test-fraction", "0"],
        "it has no test images, which are needed here; give a larger --test-fraction",
    );

    let flat = place.join("flat");
    fs::create_dir(&flat).unwrap();
    (0..80).for_each(|i| fs::write(flat.join(format!("{i}.bmp")), bmp(16, 16, i)).unwrap());
    let conditional = ["--dataset", "flat", "--image-size", "16", "--batch-size", "8"];
    program.fail_by("train-cgan", &conditional, "flat: its images have no labels");
    let inpaint = ["--task", "inpaint", "--steps", "2", "--width", "2", "--quiet"];
    program.succeed_by("train-cgan", &[&conditional[..], &inpaint].concat());
    program.succeed(&[&SMALL[..], &["--dataset", "flat", "--flip", "--no-cache", "--quiet"]].concat());
    program.succeed(
        &[&SMALL[..], &["--dataset", "flat", "--limit", "10", "--channels", "1", "--quiet"]].concat(),
    );
    let table =
        program.succeed_by("evaluate", &["runs/dcgan-flat-001", "--samples", "100", "--judge-steps", "3"]);
    assert!(table.contains("rotation"), "{table}");
}

/// An array is given by a `.npy` file, here of the samples of another run.
#[test]
fn samples_of_a_run_are_a_dataset() {
    let program = Program::new("train-vae");
    program.train("train-cgan", "first", &["--width", "2", "--image-size", "16"]);
    program.succeed_by("sample", &["export", "runs/first", "--n", "40", "--out", "forty.npy"]);
    let flags = ["--image-size", "16", "--batch-size", "8", "--steps", "2", "--hidden", "4", "--conditional"];
    program.succeed(&[&flags[..], &["--dataset", "forty.npy"]].concat());
    let config = String::from_utf8(program.read("vae-forty-001", "config.toml")).unwrap();
    assert!(config.contains("/forty.npy\"\n") && config.contains("\ndataset_sha256 = \""), "{config}");
    program.succeed(&["--resume", "runs/vae-forty-001", "--steps", "3", "--quiet"]);
    let array = [&flags[..], &["--dataset", "forty.npy", "--quiet"]].concat();
    program.succeed(&[&array[..], &["--cache-dir", "caches"]].concat());
    let caches: Vec<_> = fs::read_dir(program.directory().join("caches")).unwrap().collect();
    assert_eq!(caches.len(), 1, "{caches:?}");
    program.succeed(&[&array[..], &["--no-cache"]].concat());
    let unused = "--skip-broken has no effect here: it is for a folder of images";
    program.fail(&[&array[..], &["--skip-broken"]].concat(), unused);
}

/// A run's config.toml starts another run with other images.
#[test]
fn settings_of_a_run_do_not_fix_the_images_of_another() {
    let program = program("train-cgan");
    let first = ["--dataset", "My Photos!", "--fit", "pad", "--background", "#102030", "--quiet"];
    program.succeed(&[&SMALL[..], &first, &["--name", "first"]].concat());
    let again = ["--config", "runs/first/config.toml", "--quiet"];
    program.succeed(&[&again[..], &["--fit", "stretch", "--name", "second"]].concat());
    let config = |run: &str| String::from_utf8(program.read(run, "config.toml")).unwrap();
    let digest =
        |run| config(run).lines().find(|line| line.starts_with("dataset_sha256")).unwrap().to_owned();
    assert!(config("second").contains("\nfit = \"stretch\"\nbackground = \"#102030\"\n"));
    assert_ne!(digest("first"), digest("second"));
    program.fail(&["--resume", "runs/first", "--fit", "stretch"], "--fit \"stretch\" contradicts the run");
}

/// The data of all runs are read before any run is measured.
#[test]
fn a_place_of_other_images_is_found_before_a_run_is_measured() {
    let program = program("train-dcgan");
    let other = program.directory().join("other");
    fs::create_dir(&other).unwrap();
    (0..80).for_each(|i| fs::write(other.join(format!("{i}.bmp")), bmp(16, 16, i)).unwrap());
    for folder in ["My Photos!", "other"] {
        program.succeed(&[&SMALL[..], &["--dataset", folder, "--quiet"]].concat());
    }
    let runs = ["runs/dcgan-my-photos-001", "runs/dcgan-other-001"];
    // A failure has one line, so nothing was measured.
    let place = ["--dataset", "My Photos!"];
    program.fail_by("evaluate", &[&runs[..], &place].concat(), "My Photos!: not the images of the run");
}

/// The name of a class may have several words.
#[test]
fn folders_are_attributes_of_samples() {
    let program = program("train-dcgan");
    program.succeed(&[&SMALL[..], &["--dataset", "My Photos!", "--quiet"]].concat());
    // Each sample is near an image of one of the two classes.
    let command =
        |class| ["arithmetic", "runs/dcgan-my-photos-001", "--a", class, "--b", class, "--c", class];
    let one = ["--examples", "1"];
    let said = ["dark cats", "it's\\nbright"]
        .map(|class| program.say_by("sample", &[&command(class)[..], &one].concat()));
    assert!(said.iter().any(|said| said.contains("samples and their mean")), "{said:?}");
    program.fail_by("sample", &[&command("dark")[..], &one].concat(), "`dark` is no attribute");
}

/// A preset is a set of defaults, and every flag overrides it.
#[test]
fn flags_override_a_preset() {
    let program = program("train-dcgan");
    let flags = ["--dataset", "My Photos!", "--steps", "1", "--batch-size", "4", "--width", "2", "--quiet"];
    program.fail(&["--preset", "images64"], "--dataset <NAME|PATH>");
    program.succeed(&[&flags[..], &["--preset", "cifar10", "--name", "a"]].concat());
    program.succeed(&[&flags[..], &["--preset", "cifar10", "--flip=false", "--name", "b"]].concat());
    let config = |run: &str| String::from_utf8(program.read(run, "config.toml")).unwrap();
    assert!(config("a").contains("\nflip = true\n") && config("a").contains("\nimage_size = 32\n"));
    assert!(config("b").contains("\nflip = false\n") && config("b").contains("\nwidth = 2\n"));
}

/// Processes that start at once decode the folder each, and use the same images.
#[test]
fn processes_decode_a_folder_at_once() {
    let program = program("train-dcgan");
    let runs = ["a", "b", "c", "d"];
    let flags = ["--dataset", "My Photos!", "--cache-dir", "caches", "--quiet", "--threads", "1"];
    let processes = runs.map(|run| {
        let arguments = [&SMALL[..], &flags, &["--name", run]].concat();
        program.start(&arguments.into_iter().map(OsStr::new).collect::<Vec<_>>())
    });
    for process in processes {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let weights = runs.map(|run| program.read(run, "generator.safetensors"));
    assert!(weights.iter().all(|of_run| *of_run == weights[0]), "the weights differ");
    let caches: Vec<_> = fs::read_dir(program.directory().join("caches")).unwrap().collect();
    assert_eq!(caches.len(), 1, "{caches:?}");
}
