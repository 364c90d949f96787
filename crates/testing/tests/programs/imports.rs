//! Tests of runs that are made of networks of PyTorch.

use crate::exports::{files, floats, set};
use adjoint_testing::Program;
use serde_json::Value;
use std::fs;
use std::path::Path;

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
