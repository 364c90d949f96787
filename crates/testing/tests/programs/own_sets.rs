//! Tests of runs on sets that a user's manifest adds, and of named sets without a connection.

use adjoint_testing::Program;
use std::ffi::OsStr;
use std::fs::{self, File};

const SMALL: [&str; 8] = ["--image-size", "16", "--batch-size", "8", "--steps", "3", "--width", "2"];

/// A user's own set: plain records of images in colour, named by a manifest.
#[test]
fn a_manifest_adds_a_dataset() {
    let program = Program::new("train-dcgan");
    let place = program.directory();
    let records: Vec<u8> =
        (0..40_u8).flat_map(|i| std::iter::once(i % 2).chain([6 * i; 3 * 16 * 16])).collect();
    fs::create_dir_all(place.join("files/flags")).unwrap();
    fs::write(place.join("files/flags/all.bin"), records).unwrap();
    let manifest = r#"
        [flags]
        format = "cifar"
        mirrors = []
        size = [16, 16]
        classes = ["old", "new"]
        label_bytes = 1
        train = [{ name = "all.bin", items = 40 }]
    "#;
    fs::write(place.join("own.toml"), manifest).unwrap();
    let flags = ["--dataset", "flags", "--manifest", "own.toml", "--data-dir", "files"];
    let said = program.succeed(&[&SMALL[..], &flags].concat());
    assert!(said.contains("training images of 2 classes, 16x16 in colour"), "{said}");
    program.succeed(&["--resume", "runs/dcgan-flags-001", "--steps", "4", "--quiet"]);
    program.fail(&[&SMALL[..], &flags, &["--download"]].concat(), "--download has no effect here");
    fs::rename(place.join("own.toml"), place.join("new.toml")).unwrap();
    program.fail_by("sample", &["neighbours", "runs/dcgan-flags-001"], "own.toml");
    program.succeed_by("sample", &["neighbours", "runs/dcgan-flags-001", "--manifest", "new.toml"]);
    program.fail(&[&SMALL[..], &["--dataset", "flags"]].concat(), "there is no dataset \"flags\"");
    fs::write(place.join("own.toml"), "[mnist]\nsize = 3").unwrap();
    program.fail(&[&SMALL[..], &flags].concat(), "own.toml: mnist: ");
}

/// The directory has no MNIST, and the program opens no connection.
#[test]
fn offline_names_the_missing_file() {
    let program = Program::new("train-dcgan");
    let flags = ["--dataset", "mnist", "--offline", "--data-dir", "files"];
    program.fail(&[&SMALL[..], &flags].concat(), "--offline allows no download; put the file there");
    program.fail(&[&SMALL[..], &flags, &["--download"]].concat(), "--download");
}

/// SHA-256 of the files that [`pinned_set`] writes: images by their step, and labels.
const IMAGES: [(u8, &str); 2] = [
    (5, "1a80aa4e7d0baaab6aa6c94075e05e142115bd17ca322d2bec30729b7e80f316"),
    (6, "0dcccb64918d4fe0e94b66b77b48f67c159550431248ed363cb5bc5cce804739"),
];
const LABELS: &str = "df3b059ab1e511f246aafd1220184cd81b4e6e4d93ba1bd474c336b85de1825f";

/// Writes the set `tiny` into the directory `files`, and a manifest with its checksums. The pixels
/// of image i have the value i times the step of `images`. Both splits have the same files.
fn pinned_set(program: &Program, files: &str, manifest: &str, images: (u8, &str)) {
    let (step, sha256) = images;
    let place = program.directory().join(files).join("tiny");
    fs::create_dir_all(&place).unwrap();
    let mut file = vec![0, 0, 8, 3, 0, 0, 0, 40, 0, 0, 0, 16, 0, 0, 0, 16];
    file.extend((0..40).flat_map(|i| [i * step; 16 * 16]));
    fs::write(place.join("images"), file).unwrap();
    let labels = (0..40).map(|i| i % 2);
    fs::write(place.join("labels"), [0, 0, 8, 1, 0, 0, 0, 40].into_iter().chain(labels).collect::<Vec<u8>>())
        .unwrap();
    let file = |name: &str, sha256: &str| {
        format!(
            "{name} = {{ name = \"{name}\", gz_bytes = 9, gz_sha256 = \"{sha256}\", sha256 = \"{sha256}\" }}"
        )
    };
    let [images, labels] = [file("images", sha256), file("labels", LABELS)];
    let splits =
        ["train", "test"].map(|split| format!("[tiny.{split}]\nitems = 40\n{images}\n{labels}\n")).concat();
    let head = "[tiny]\nmirrors = []\nsize = [16, 16]\nclasses = [\"a\", \"b\"]\n";
    fs::write(program.directory().join(manifest), format!("{head}{splits}")).unwrap();
}

/// The manifest verifies the files, and the run verifies the manifest.
#[test]
fn a_pinned_set_is_checked_and_found_from_elsewhere() {
    let program = Program::new("train-vae");
    let flags = ["--image-size", "16", "--batch-size", "8", "--hidden", "4", "--quiet", "--steps", "3"];
    let train = |name: &str, files: &str, manifest: &str| {
        let own = ["--dataset", "tiny", "--manifest", manifest, "--data-dir", files, "--name", name];
        program.succeed(&[&flags[..], &own].concat());
    };
    pinned_set(&program, "files", "own.toml", IMAGES[0]);
    pinned_set(&program, "others", "other.toml", IMAGES[1]);
    train("a", "files", "own.toml");
    train("b", "others", "other.toml");

    let elsewhere = program.directory().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let arguments = ["--resume", "../runs/a", "--steps", "4", "--quiet"].map(OsStr::new);
    let mut resumed = program.command_to(&arguments, File::create(elsewhere.join("out")).unwrap());
    assert!(resumed.current_dir(&elsewhere).status().unwrap().success());

    // A flag replaces the recorded one that it conflicts with.
    fs::write(program.directory().join("online.toml"), "download = true\n").unwrap();
    let online = ["--dataset", "tiny", "--manifest", "own.toml", "--data-dir", "files", "--name", "c"];
    program.succeed(&[&flags[..], &online, &["--config", "online.toml"]].concat());
    program.succeed(&["--resume", "runs/c", "--steps", "4", "--quiet", "--offline"]);

    // Each run is compared with its own images.
    let effort = ["--samples", "100", "--judge-steps", "3", "--labelled", "100"];
    let tables = program.succeed_by("evaluate", &[&["runs/a", "runs/b", "runs/c"][..], &effort].concat());
    assert_eq!(tables.matches("tiny, 16x16").count(), 2, "{tables}");

    pinned_set(&program, "files", "own.toml", IMAGES[1]);
    let other = "tiny: not the images of the run: their SHA-256 is another one; restore them";
    program.fail(&["--resume", "runs/a", "--steps", "5"], other);
    program.fail_by("sample", &["reconstruct", "runs/a"], other);
    program.fail_by("evaluate", &["runs/a"], other);
    program.succeed_by("sample", &["grid", "runs/a"]);
    pinned_set(&program, "files", "own.toml", IMAGES[0]);
    program.succeed(&["--resume", "runs/a", "--steps", "5", "--quiet"]);

    // There is no mirror, so no advice to delete a file and to download it.
    let images = program.directory().join("files/tiny/images");
    fs::write(&images, "damaged").unwrap();
    program.fail(&["--resume", "runs/a", "--steps", "6"], "; replace it");
    fs::remove_file(images).unwrap();
    program
        .fail(&["--resume", "runs/a", "--steps", "6"], "has no mirror to fetch it from; put the file there");
}
