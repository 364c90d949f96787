//! Tests of every command of `sample` with runs of the trainers, and of runs that a command
//! rejects.

use adjoint_testing::Program;
use std::fs;

fn program() -> Program {
    Program::new("sample")
}

fn dcgan(program: &Program, name: &str) {
    program.train("train-dcgan", name, &["--width", "4", "--latent", "5"]);
}

fn png(program: &Program, name: &str, command: &str) -> Vec<u8> {
    let bytes = program.read(name, &format!("{command}.png"));
    assert!(bytes.starts_with(b"\x89PNG"), "{command}");
    bytes
}

#[test]
fn commands_of_a_dcgan() {
    let program = program();
    dcgan(&program, "a");
    for command in ["grid", "interpolate", "traverse", "neighbours", "features"] {
        let said = program.succeed(&[command, "runs/a"]);
        assert!(said.contains("pixels") && said.lines().count() == 1, "{said}");
        let first = png(&program, "a", command);
        program.succeed(&[command, "runs/a", "--threads", "1"]);
        assert!(first == png(&program, "a", command), "{command}: the same seed, another file");
        program.succeed(&[command, "runs/a", "--seed", "2"]);
        // Another seed gives another picture, except for the command `features`, which does not use
        // the seed.
        assert_eq!(first == png(&program, "a", command), command == "features", "{command}");
    }
    // It is unknown which classes the samples of an untrained generator resemble. The test
    // therefore searches for a class that occurs.
    let any = (0..10).find(|class| {
        let class = class.to_string();
        let flags = ["--a", &class, "--b", &class, "--c", &class, "--examples", "1"];
        program.succeeds(&[&["arithmetic", "runs/a"], &flags[..]].concat())
    });
    assert!(any.is_some() && !png(&program, "a", "arithmetic").is_empty());
    let zero = "0,0,0,0,0";
    program.succeed(&["interpolate", "runs/a", "--z", zero, "--z", "1,1,1,1,1", "--out", "walk.png"]);
    assert!(program.directory().join("walk.png").is_file());

    program.fail(&["interpolate", "runs/a", "--z", zero], "a walk needs two");
    program.fail(&["interpolate", "runs/a", "--z", "1,2", "--z", zero], "5 numbers between commas");
    program.fail(&["traverse", "runs/a", "--dimensions", "5"], "there are 0 to 4");
    program.fail(&["classes", "runs/a"], "a dcgan that is not conditioned on classes");
    program.fail(&["reconstruct", "runs/a"], "has no encoder");
    program.fail(&["manifold", "runs/a"], "has 5 latent variables");
    program.fail(&["features", "runs/a", "--layer", "4"], "there are 1 to 3");
    program.fail(&["arithmetic", "runs/a", "--a", "huge", "--b", "1", "--c", "2"], "`huge` is no attribute");
    program.fail(&["grid", "runs/a", "--n", "0"], "from 1 to 1000000");
    program.fail(&["grid", "runs/a", "--n", "1000000"], "too many for a picture");
    program.fail(&["interpolate", "runs/a", "--class", "3"], "is not conditioned on classes");
    program.fail(&["traverse", "runs/a", "--steps", "1"], "from 2 to 100");
    program.fail(&["arithmetic", "runs/a", "--a", " ", "--b", "1", "--c", "2"], "at least one word each");
}

/// Checks that `sample` uses the averaged weights of a run if it has them, and that `--raw` selects
/// the last weights.
#[test]
fn raw_weights_are_others() {
    let program = program();
    dcgan(&program, "a");
    program.succeed(&["grid", "runs/a"]);
    let averaged = png(&program, "a", "grid");
    program.succeed(&["grid", "runs/a", "--raw"]);
    assert!(averaged != png(&program, "a", "grid"));
    fs::copy(
        program.run("a").join("generator_ema.safetensors"),
        program.run("a").join("generator.safetensors"),
    )
    .unwrap();
    program.succeed(&["grid", "runs/a", "--raw"]);
    assert!(averaged == png(&program, "a", "grid"));
}

#[test]
fn commands_of_a_vae() {
    let program = program();
    let flags = ["--hidden", "8", "--latent", "2"];
    program.train("train-vae", "a", &flags);
    for command in ["grid", "interpolate", "traverse", "manifold", "reconstruct", "neighbours"] {
        program.succeed(&[command, "runs/a"]);
        png(&program, "a", command);
    }
    program.fail(&["features", "runs/a"], "take a run of train-dcgan");
    program.fail(&["grid", "runs/a", "--raw"], "leave out --raw");
    program.fail(&["reconstruct", "runs/a", "--from", "10000"], "there are 10000 test images");
    let conditional = [&flags[..], &["--conditional"]].concat();
    program.train("train-vae", "b", &conditional);
    for command in ["classes", "grid", "reconstruct", "traverse"] {
        program.succeed(&[command, "runs/b"]);
        png(&program, "b", command);
    }
    // A run that was stopped after writing one of its two networks.
    let decoder = program.run("a").join("decoder.safetensors");
    let text = fs::read(&decoder).unwrap();
    let at = text.windows(10).position(|w| w == b"\"step\":\"3\"").unwrap();
    let mut other = text.clone();
    other[at + 8] = b'2';
    fs::write(&decoder, other).unwrap();
    program.fail(&["grid", "runs/a"], "its encoder is of step 3 and its decoder is of step 2");
    fs::write(&decoder, text).unwrap();
    program.fail(&["interpolate", "runs/b", "--class", "10"], "there are classes 0 to 9");
    program.fail(&["arithmetic", "runs/b", "--a", "1", "--b", "2", "--c", "3"], "is conditional: ");
    program.train("train-vae", "c", &[&flags[..], &["--autoencoder"]].concat());
    assert!(program.succeed(&["grid", "runs/c"]).contains("autoencoder"));
}

#[test]
fn commands_of_conditional_gans() {
    let program = program();
    let flags = ["--width", "2", "--latent", "3"];
    program.train("train-cgan", "a", &flags);
    for command in ["classes", "grid", "interpolate"] {
        program.succeed(&[command, "runs/a"]);
        png(&program, "a", command);
    }
    program.succeed(&["export", "runs/a", "--n", "25", "--out", "x.npy"]);
    let labels = fs::read(program.directory().join("x.labels.npy")).unwrap();
    let last: Vec<u8> = (0..25u8).map(|i| i % 10).collect();
    let numbers: Vec<u8> = labels[labels.len() - 200..].iter().step_by(8).copied().collect();
    assert_eq!(numbers, last);
    program.train("train-cgan", "b", &[&flags[..], &["--task", "inpaint"]].concat());
    for command in ["reconstruct", "grid"] {
        program.succeed(&[command, "runs/b"]);
        png(&program, "b", command);
    }
    program.fail(&["classes", "runs/b"], "a cgan that is not conditioned on classes");
}

/// Reads an exported array as NumPy does: 25 images, channel by channel, with values in [0, 1].
#[test]
fn an_export_is_what_its_header_says() {
    let program = program();
    dcgan(&program, "a");
    let said = program.succeed(&["export", "runs/a", "--n", "25"]);
    assert!(said.contains("25 samples, float32 [25, 1, 28, 28]"), "{said}");
    let bytes = program.read("a", "export.npy");
    let start = bytes.len() - 25 * 784 * 4;
    assert!(start.is_multiple_of(64) && bytes[..start].ends_with(b"\n"));
    let numbers = bytes[start..].chunks(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    assert!(
        numbers.clone().all(|x| (0.0..=1.0).contains(&x))
            && numbers.clone().any(|x| x != numbers.clone().next().unwrap())
    );
}

#[test]
fn commands_of_points() {
    let program = program();
    let flags = ["--dataset", "grid", "--g-hidden", "8", "--d-hidden", "8"];
    program.train("train-gan", "a", &flags);
    program.succeed(&["grid", "runs/a"]);
    png(&program, "a", "grid");
    let said = program.succeed(&["export", "runs/a", "--n", "7"]);
    assert!(said.contains("float32 [7, 2]"), "{said}");
    program.fail(&["neighbours", "runs/a"], "makes points (grid), not images");
}

/// Overwrites the last values in a file of weights with `numbers`.
fn spoil(program: &Program, name: &str, file: &str, numbers: &[f32]) {
    let mut bytes = program.read(name, file);
    let at = bytes.len() - 4 * numbers.len();
    bytes.splice(at.., numbers.iter().flat_map(|x| x.to_le_bytes()));
    fs::write(program.run(name).join(file), bytes).unwrap();
}

/// Weights that are not finite must be rejected, even if a ReLU would remove their effect. Finite
/// weights must be rejected if the samples that they give overflow.
#[test]
fn nothing_is_made_of_weights_that_are_not_finite() {
    let [sample, evaluate] = ["sample", "evaluate"].map(Program::new);
    let points = ["--dataset", "ring", "--g-hidden", "8", "--d-hidden", "8", "--ema", "0"];
    for program in [&sample, &evaluate] {
        program.train("train-gan", "a", &points);
        program.train("train-vae", "b", &["--hidden", "8", "--latent", "2"]);
        program.train("train-dcgan", "c", &["--width", "4", "--latent", "5"]);
    }
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for (run, file) in [
            ("a", "generator"),
            ("b", "encoder"),
            ("b", "decoder"),
            ("c", "generator_ema"),
            ("c", "discriminator"),
        ] {
            let name = format!("{file}.safetensors");
            let whole = sample.read(run, &name);
            spoil(&sample, run, &name, &[value]);
            fs::copy(sample.run(run).join(&name), evaluate.run(run).join(&name)).unwrap();
            let refusal = format!("{name}: `");
            let path = format!("runs/{run}");
            if file == "discriminator" {
                sample.fail(&["features", &path], &refusal);
            } else {
                sample.fail(&["grid", &path], &refusal);
                sample.fail(&["export", &path, "--n", "5"], &refusal);
                evaluate.fail(&[&path, "--samples", "100", "--judge-steps", "1"], &refusal);
            }
            assert!(
                !sample.run(run).join("grid.png").exists() && !sample.run(run).join("export.npy").exists()
            );
            fs::write(sample.run(run).join(&name), &whole).unwrap();
            fs::write(evaluate.run(run).join(&name), &whole).unwrap();
        }
    }
    // The weights of the output layer are the last in the file.
    spoil(&sample, "a", "generator.safetensors", &[3e38; 16]);
    fs::copy(sample.run("a").join("generator.safetensors"), evaluate.run("a").join("generator.safetensors"))
        .unwrap();
    let refusal = "runs/a: samples that are not finite";
    sample.fail(&["grid", "runs/a"], refusal);
    sample.fail(&["export", "runs/a"], refusal);
    evaluate.fail(&["runs/a", "--samples", "100"], refusal);
}

#[test]
fn runs_that_are_none_are_explained() {
    let program = program();
    program.fail(&["grid", "runs/nowhere"], "there is no such run");
    fs::create_dir_all(program.run("empty")).unwrap();
    program.fail(&["grid", "runs/empty"], "holds no run");
    dcgan(&program, "a");
    let config = program.run("a").join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("model = \"dcgan\"", "model = \"diffusion\"")).unwrap();
    program.fail(&["grid", "runs/a"], "`diffusion`");
    fs::write(&config, text.replace("model = \"dcgan\"", "")).unwrap();
    program.fail(&["grid", "runs/a"], "does not say which `model`");
    fs::write(&config, text.replace("width = 4", "width = 8")).unwrap();
    program.fail(&["grid", "runs/a"], "generator_ema.safetensors");
    fs::write(&config, &text).unwrap();
    let weights = program.run("a").join("generator_ema.safetensors");
    let whole = fs::read(&weights).unwrap();
    fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    program.fail(&["grid", "runs/a"], "generator_ema.safetensors");
    fs::remove_file(&weights).unwrap();
    program.fail(&["grid", "runs/a"], "the run has no such weights yet");
    program.fail(&["grid", "runs/a", "--raw", "--out", "nowhere/x.png"], "nowhere/x.png");
}
