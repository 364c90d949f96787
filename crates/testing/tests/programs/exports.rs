//! Tests of what other programs get of a run: exported networks, samples and latent vectors.

use adjoint_testing::Program;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const SMALL: [&str; 4] = ["--width", "2", "--latent", "3"];

fn files(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
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
fn floats(path: &Path, count: usize) -> Vec<f32> {
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

/// The path of a fixture of `scripts/make_import_fixtures.py`.
fn imported(name: &str) -> String {
    format!("{}/fixtures/imports/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Are the arrays equal, up to 1e-5 of their root mean square?
#[track_caller]
fn assert_close(found: &Path, expected: &str, count: usize) {
    let (found, expected) = (floats(found, count), floats(Path::new(&imported(expected)), count));
    let rms = (expected.iter().map(|x| x * x).sum::<f32>() / count as f32).sqrt();
    let most = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(most <= 1e-5 * rms && rms > 0.01, "{most} of {rms}");
}

/// The networks that PyTorch trained compute what they computed there.
#[test]
fn networks_of_pytorch_come_in() {
    let program = Program::new("adjoint");
    let of = |name: &str| program.directory().join(name);
    let [g, d, vae] =
        ["dcgan-generator.safetensors", "dcgan-discriminator.safetensors", "vae.safetensors"].map(imported);
    let dcgan = ["import", "dcgan", "--generator", &g, "--discriminator", &d, "--dataset", "glyphs"];
    program.succeed(&[&dcgan[..], &["--name", "a"]].concat());
    let said = program.succeed(&["import", "vae", "--weights", &vae, "--dataset", "glyphs"]);
    assert!(said.contains("runs/vae-glyphs-001: a run"), "{said}");

    let pass = |command: &str, run: &str, given: &[&str], out: &str| {
        program.succeed(&[&["sample", command, run], given, &["--out", out]].concat());
    };
    pass("decode", "runs/a", &["--latents", &imported("dcgan-z.npy")], "x.npy");
    assert_close(&of("x.npy"), "dcgan-x.npy", 2 * 64 * 64);
    pass("decode", "runs/vae-glyphs-001", &["--latents", &imported("vae-z.npy")], "x.npy");
    assert_close(&of("x.npy"), "vae-decoded.npy", 2 * 784);
    pass("encode", "runs/vae-glyphs-001", &[&imported("vae-x.npy")], "z.npy");
    assert_close(&of("z.npy"), "vae-encoded.npy", 2 * 3);

    program.succeed(&["sample", "features", "runs/a"]);
    let evaluate = ["evaluate", "runs/a", "--samples", "100", "--labelled", "100", "--judge-steps", "1"];
    program.succeed(&evaluate);
    let config = String::from_utf8(program.read("a", "config.toml")).unwrap();
    for setting in ["image_size = 64", "width = 2", "latent = 4", "noise = \"gaussian\"", "ema = 0.0"] {
        assert!(config.contains(setting), "{setting}: {config}");
    }
    let refusal = "imported weights, which can be sampled and evaluated but not trained further";
    program.fail(&["train", "dcgan", "--resume", "runs/a", "--steps", "9"], refusal);
    program.fail(&["train", "vae", "--resume", "runs/vae-glyphs-001"], refusal);

    // What does not fit is listed, and nothing stays.
    let wrong = |flags: &[&str], problem: &str| {
        program.fail(&[flags, &["--dataset", "glyphs", "--name", "no"]].concat(), problem);
        assert!(!program.run("no").exists());
    };
    wrong(&["import", "dcgan", "--generator", &vae], "it has no main.0.weight (latent, channels, 4, 4)");
    wrong(&["import", "vae", "--weights", &g], "it has no fc1.weight");
    let exchanged = ["import", "dcgan", "--generator", &g, "--discriminator", &g];
    wrong(&exchanged, "dcgan-generator.safetensors: does not fit this model: lacks `main.2.weight`");
    let colour = ["import", "dcgan", "--generator", &g, "--dataset", "glyphs-rgb", "--name", "no"];
    program.fail(&colour, "glyphs-rgb: images with 3 channels, and the networks have 1");
    wrong(&["import", "dcgan", "--generator", "none.safetensors"], "cannot open none.safetensors");
    wrong(&["import", "dcgan", "--generator", "netG.pth"], "convert it with scripts/pt_to_safetensors.py");
    let again = ["import", "dcgan", "--generator", &g, "--dataset", "glyphs", "--name", "a"];
    program.fail(&again, "runs/a already exists; choose another --name");
    let shaped = [&again[..], &["--", "--width", "3"]].concat();
    program.fail(&shaped, "--width follows from the weights, which need 2; leave it out");
    for (spoil, problem) in [
        (with_negative_variance as fn(&[u8]) -> Vec<u8>, "`main.1.running_var` has negative variances"),
        (with_integers, "`main.0.weight` has integers"),
    ] {
        fs::write(of("g.safetensors"), spoil(&fs::read(&g).unwrap())).unwrap();
        wrong(&["import", "dcgan", "--generator", "g.safetensors"], problem);
    }

    // A generator alone is exported alone.
    program.succeed(&["import", "dcgan", "--generator", &g, "--dataset", "glyphs", "--name", "alone"]);
    program.succeed(&["export", "runs/alone", "--to", "hub", "hub"]);
    let hub = set(&["README.md", "config.json", "generator.safetensors", "model.py"]);
    assert_eq!(files(&of("hub")), hub);
    let card = fs::read_to_string(of("hub/README.md")).unwrap();
    assert!(card.contains("by another program") && !card.contains("## Settings"), "{card}");
}

/// The length and the text of the header of a safetensors file.
fn header(bytes: &[u8]) -> (usize, String) {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    (length, String::from_utf8(bytes[8..8 + length].to_vec()).unwrap())
}

/// The same file, with -1 as the first variance of `main.1`.
fn with_negative_variance(bytes: &[u8]) -> Vec<u8> {
    let (length, text) = header(bytes);
    let tensors: Value = serde_json::from_str(&text).unwrap();
    let start = tensors["main.1.running_var"]["data_offsets"][0].as_u64().unwrap() as usize;
    let mut spoiled = bytes.to_vec();
    spoiled[8 + length + start..][..4].copy_from_slice(&(-1f32).to_le_bytes());
    spoiled
}

/// The same file, whose values are called integers.
fn with_integers(bytes: &[u8]) -> Vec<u8> {
    let (length, text) = header(bytes);
    let text = format!("{:length$}", text.replace("\"F32\"", "\"I32\""));
    [&bytes[..8], text.as_bytes(), &bytes[8 + length..]].concat()
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
