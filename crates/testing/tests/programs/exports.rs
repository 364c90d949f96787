//! Tests of what other programs get of a run: exported networks, samples and latent vectors.

use adjoint_testing::Program;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const SMALL: [&str; 4] = ["--width", "2", "--latent", "3"];

pub(crate) fn files(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

pub(crate) fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn networks_are_written_with_what_a_user_must_know() {
    let program = Program::new("adjoint");
    program.train("train-cgan", "a", &SMALL);
    program.train("train-vae", "b", &["--hidden", "8", "--latent", "2", "--log-every", "1"]);
    program.succeed(&["export", "runs/a", "--to", "torch", "torch"]);
    program.succeed(&["export", "runs/a", "--to", "onnx", "onnx", "--raw"]);
    let of = |name: &str| program.directory().join(name);
    let torch = ["config.json", "discriminator.safetensors", "generator.safetensors", "model.py"];
    assert_eq!(files(&of("torch")), set(&torch));
    assert_eq!(files(&of("onnx")), set(&["config.json", "discriminator.onnx", "generator.onnx"]));

    let config: Value = serde_json::from_slice(&fs::read(of("torch/config.json")).unwrap()).unwrap();
    let expected = [
        ("model", "\"cgan\""),
        ("run", "\"a\""),
        ("dataset", "\"glyphs\""),
        ("step", "3"),
        ("layout", "\"NCHW\""),
        ("pixel_range", "[-1.0,1.0]"),
        ("noise", "\"independent, uniform on [-1, 1)\""),
        ("imported", "false"),
        ("averaged", "true"),
    ];
    expected.iter().for_each(|(key, value)| assert_eq!(config[key].to_string(), *value, "{key}"));
    assert_eq!(config["classes"].as_array().unwrap().len(), 10);
    let generator = &config["networks"][0];
    assert_eq!(generator["inputs"][0]["content"], "uniform");
    assert_eq!(generator["inputs"][1]["shape"].to_string(), "[\"N\",10]");
    assert_eq!(generator["outputs"][0]["shape"].to_string(), "[\"N\",1,28,28]");

    let raw = ["export", "runs/b", "--to", "onnx", "no", "--raw"];
    program.fail(&raw, "a vae keeps no moving average of its weights");
    // The generator is the moving average, as `sample` draws it, unless --raw is given.
    let weights = |file: &str| fs::read(of(file)).unwrap();
    program.succeed(&["export", "runs/a", "--to", "torch", "raw", "--raw"]);
    assert!(weights("torch/generator.safetensors") != weights("raw/generator.safetensors"));
    assert!(weights("torch/discriminator.safetensors") == weights("raw/discriminator.safetensors"));
    let raw: Value = serde_json::from_slice(&weights("raw/config.json")).unwrap();
    assert_eq!((&raw["averaged"], &raw["networks"]), (&Value::Bool(false), &config["networks"]));
}

#[test]
fn a_card_describes_the_model() {
    let program = Program::new("adjoint");
    program.train("train-cgan", "a", &SMALL);
    program.train("train-vae", "b", &["--hidden", "8", "--latent", "2", "--log-every", "1"]);
    program.succeed(&["export", "runs/b", "--to", "hub", "new/hub"]);
    let of = |name: &str| program.directory().join(name);
    let hub = ["README.md", "config.json", "decoder.safetensors", "encoder.safetensors", "model.py"];
    assert_eq!(files(&of("new/hub")), set(&[&hub[..], &["samples.png"]].concat()));
    let card = fs::read_to_string(of("new/hub/README.md")).unwrap();
    for part in [
        "library_name: pytorch",
        "# b\n",
        "![samples](samples.png)",
        "| reconstruction | ",
        "hidden = [8]",
        "pipeline_tag",
        "z = torch.randn(16, 2)\n",
        "x = load()[\"decoder\"](z)",
    ] {
        assert!(card.contains(part), "{part}: {card}");
    }
    assert!(!card.contains("data_dir"), "the card has no paths: {card}");
    assert_eq!(card.matches("## Figures").count(), 1, "{card}");
    let samples = program.run("b").join("samples");
    let last = files(&samples).pop_last().unwrap();
    assert!(fs::read(of("new/hub/samples.png")).unwrap() == fs::read(samples.join(last)).unwrap());
    // A conditional model has classes instead of the tag of unconditional ones.
    program.succeed(&["export", "runs/a", "--to", "hub", "classes"]);
    let card = fs::read_to_string(of("classes/README.md")).unwrap();
    for part in ["\n* 9\n", "are a moving average", "y = torch.eye(10)[torch.arange(16) % 10]\n"] {
        assert!(card.contains(part), "{part}: {card}");
    }
    assert!(!card.contains("pipeline_tag"), "{card}");
}

#[test]
fn an_export_that_fails_leaves_nothing() {
    let program = Program::new("adjoint");
    let of = |name: &str| program.directory().join(name);
    program.train("train-dcgan", "a", &SMALL);
    program.train("train-dcgan", "b", &["--width", "4", "--latent", "3"]);
    let fail = |run: &str, directory: &str, problem: &str| {
        program.fail(&["export", run, "--to", "torch", directory], problem);
    };
    fail("runs/none", "x", "there is no such run");
    fail("runs", "x", "holds no run");
    fs::create_dir(of("full")).unwrap();
    fs::write(of("full/notes"), "mine").unwrap();
    fail("runs/a", "full", "not empty; name a new or empty directory");
    fail("runs/a", "full/notes", "not a directory");
    assert_eq!(fs::read(of("full/notes")).unwrap(), b"mine");
    let whole = program.read("a", "discriminator.safetensors");
    let path = program.run("a").join("discriminator.safetensors");
    let mut spoiled = whole.clone();
    let at = spoiled.len() - 4;
    spoiled[at..].copy_from_slice(&f32::NAN.to_le_bytes());
    let truncated = whole[..whole.len() - 1].to_vec();
    let other = program.read("b", "discriminator.safetensors");
    for (content, problem) in [
        (spoiled, "has weights that are not finite numbers"),
        (truncated, "truncated or damaged"),
        (other, "is [4, 1, 4, 4] where [2, 1, 4, 4] is expected"),
        (b"PK\x03\x04 not a safetensors file".to_vec(), "not a safetensors file"),
    ] {
        fs::write(&path, content).unwrap();
        fail("runs/a", "x", problem);
    }
    fs::remove_file(&path).unwrap();
    fail("runs/a", "x", "the run has no such weights yet");
    fail("runs/a", "new/and/deep", "the run has no such weights yet");
    assert!(!of("x").exists() && !of("new").exists());
    // An empty directory of the user stays.
    fs::create_dir(of("empty")).unwrap();
    fail("runs/a", "empty", "the run has no such weights yet");
    assert!(files(&of("empty")).is_empty());
    program.fail(&["export", "runs/b", "--to", "keras", "x"], "[possible values: torch, onnx, hub]");
}

/// Writes a `.npy` file of 32-bit floats.
fn write_npy(path: &Path, shape: &[usize], values: &[f32]) {
    let sizes: String = shape.iter().map(|size| format!("{size}, ")).collect();
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({sizes}), }}");
    header.push_str(&" ".repeat(117 - header.len()));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.into_bytes());
    bytes.extend(values.iter().flat_map(|x| x.to_le_bytes()));
    fs::write(path, bytes).unwrap();
}

/// The floats at the end of a `.npy` file.
pub(crate) fn floats(path: &Path, count: usize) -> Vec<f32> {
    let bytes = fs::read(path).unwrap();
    let values = bytes[bytes.len() - 4 * count..].chunks_exact(4);
    values.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

#[test]
fn latent_vectors_go_out_and_in() {
    let program = Program::new("sample");
    let of = |name: &str| program.directory().join(name);
    program.train("train-vae", "a", &["--hidden", "8", "--latent", "2"]);
    program.train("train-cgan", "b", &SMALL);
    write_npy(&of("z.npy"), &[3, 2], &[0.5, -1.0, 2.0, 0.0, -0.25, 1.5]);
    program.succeed(&["decode", "runs/a", "--latents", "z.npy", "--out", "x.npy"]);
    let x = floats(&of("x.npy"), 3 * 784);
    assert!(x.iter().all(|x| (0.0..=1.0).contains(x)));
    // A sample does not depend on the others.
    write_npy(&of("one.npy"), &[1, 2], &[2.0, 0.0]);
    program.succeed(&["decode", "runs/a", "--latents", "one.npy", "--out", "y.npy"]);
    assert_eq!(floats(&of("y.npy"), 784), x[784..2 * 784]);
    program.succeed(&["decode", "runs/a", "--latents", "z.npy", "--out", "x.png"]);
    program.succeed(&["encode", "runs/a", "x.npy", "--out", "means.npy"]);
    assert_eq!(floats(&of("means.npy"), 6).len(), 6);
    // An image file gives what its pixels give, and images may follow one another.
    program.succeed(&["decode", "runs/a", "--latents", "one.npy", "--out", "one.png"]);
    program.succeed(&["encode", "runs/a", "one.png", "x.npy", "--out", "four.npy"]);
    let (four, three) = (floats(&of("four.npy"), 8), floats(&of("means.npy"), 6));
    assert_eq!(four[2..], three);
    assert!((four[0] - three[2]).abs() < 0.02, "a pixel of a PNG file has 256 levels");

    // Conditions are classes or weights of classes.
    write_npy(&of("z3.npy"), &[2, 3], &[0.5, -1.0, 0.75, 0.0, -0.25, 0.5]);
    write_npy(&of("classes.npy"), &[2], &[7.0, 1.0]);
    let mut rows = [0.0; 20];
    (rows[7], rows[11]) = (1.0, 1.0);
    write_npy(&of("rows.npy"), &[2, 10], &rows);
    let decode = |conditions: &str, out: &str| {
        let flags = ["decode", "runs/b", "--latents", "z3.npy", "--conditions", conditions, "--out", out];
        program.succeed(&flags);
        floats(&of(out), 2 * 784)
    };
    assert_eq!(decode("classes.npy", "c.npy"), decode("rows.npy", "r.npy"));

    let fail = |flags: &[&str], problem: &str| program.fail(&[flags, &["--out", "no.npy"]].concat(), problem);
    fail(&["decode", "runs/a", "--latents", "z3.npy"], "an array [2, 3], but the model takes (N, 2)");
    fail(&["decode", "runs/a", "--latents", "none.npy"], "cannot open none.npy");
    fail(&["decode", "runs/a", "--latents", "x.png"], "x.png: ");
    fail(&["decode", "runs/a", "--latents", "z.npy", "--conditions", "rows.npy"], "has no condition");
    write_npy(&of("nan.npy"), &[1, 2], &[0.5, f32::NAN]);
    fail(&["decode", "runs/a", "--latents", "nan.npy"], "nan.npy: value 1 is NaN");
    let conditional = ["decode", "runs/b", "--latents", "z3.npy", "--conditions"];
    write_npy(&of("ten.npy"), &[2], &[9.0, 10.0]);
    fail(&[&conditional[..], &["ten.npy"]].concat(), "10 is no class; there are classes 0 to 9");
    fail(&[&conditional[..], &["z.npy"]].concat(), "an array [3, 2], but 2 rows need classes (2) or weights");
    fail(&["encode", "runs/b", "none.npy"], "has no encoder");
    program.fail(&["decode", "runs/a", "--latents", "z.npy", "--out", "x.txt"], "name a .npy or a .png file");
    program.fail(&["encode", "runs/a", "x.npy", "--out", "z.png"], "latent vectors are no picture");
    fail(&["encode", "runs/a", "z.npy"], "but the model takes (N, 1, 28, 28)");
    write_npy(&of("dark.npy"), &[1, 1, 28, 28], &[-0.5; 784]);
    fail(
        &["encode", "runs/a", "dark.npy"],
        "dark.npy: a pixel is -0.5; divide so that pixels are from 0 to 1",
    );
    fs::write(of("broken.png"), "no image").unwrap();
    fail(&["encode", "runs/a", "broken.png"], "broken.png is broken: ");
    assert!(!of("no.npy").exists());
}

/// The archive and the image files of samples are datasets of this project.
#[test]
fn exported_samples_are_datasets() {
    let program = Program::new("sample");
    let of = |name: &str| program.directory().join(name);
    program.train("train-cgan", "a", &SMALL);
    for (format, out) in [("npz", "x.npz"), ("png", "images")] {
        program.succeed(&["export", "runs/a", "--n", "40", "--format", format, "--out", out]);
    }
    assert_eq!(files(&of("images")).len(), 10);
    assert_eq!(files(&of("images/3")), set(&["03.png", "13.png", "23.png", "33.png"]));
    for (dataset, name) in [("x.npz", "b"), ("images", "c")] {
        program.train("train-cgan", name, &[&SMALL[..], &["--dataset", dataset]].concat());
        let config = String::from_utf8(program.read(name, "config.toml")).unwrap();
        assert!(config.contains("dataset_classes = 10"), "{config}");
    }
    program.fail(&["export", "runs/a", "--format", "png", "--out", "images"], "images: not empty");
    program.train("train-gan", "d", &["--dataset", "ring", "--g-hidden", "8", "--d-hidden", "8"]);
    program.fail(&["export", "runs/d", "--format", "png", "--out", "p"], "makes points (ring), not images");
}

/// Reading gradients for TensorBoard runs a forward pass in training mode. It must leave no trace.
#[test]
fn tensorboard_changes_no_bit() {
    let program = Program::new("adjoint");
    for (model, flags) in [
        ("dcgan", ["--width", "2", "--d-norm", "spectral"].as_slice()),
        ("gan", &["--g-hidden", "8", "--d-hidden", "8", "--g-batch-norm", "--d-dropout", "0.3"]),
        ("cgan", &["--width", "2", "--d-steps", "2"]),
        ("vae", &["--arch", "conv", "--width", "2", "--latent", "2"]),
    ] {
        let [one, other] = ["with", "without"].map(|name| format!("{model}-{name}"));
        let steps =
            ["--steps", "6", "--checkpoint-every", "2", "--log-every", "2", "--batch-size", "8", "--quiet"];
        let train = |name: &str, more: &[&str]| {
            program.succeed(&[&["train", model, "--name", name], &steps[..], flags, more].concat());
        };
        train(&one, &["--tensorboard"]);
        train(&other, &[]);
        let events = program.read(&one, "tensorboard/events.out.tfevents.adjoint");
        for tag in ["gradients/", "loss", "samples"] {
            assert!(events.windows(tag.len()).any(|window| window == tag.as_bytes()), "{model}: {tag}");
        }
        let networks = if model == "vae" { ["encoder", "decoder"] } else { ["generator", "discriminator"] };
        for network in networks {
            let file = format!("{network}.safetensors");
            assert!(program.read(&one, &file) == program.read(&other, &file), "{model}: {network}");
        }
    }
}
