//! Tests of `train-gan`: killed and resumed, on images and on points, and with invalid flags.

use adjoint_testing::Program;

const SMALL: [&str; 10] =
    ["--g-hidden", "16", "--d-hidden", "16,8", "--batch-size", "16", "--latent", "3", "--log-every", "1"];

fn program() -> Program {
    Program::new("train-gan")
}

/// The run uses everything that is random or changes over time: noise on D's input, dropout, power
/// iteration, batch norm, a penalty on every third step, a learning-rate schedule, and two steps of
/// D.
#[test]
fn a_killed_run_resumes_with_the_same_bits() {
    let stabilisers =
        ["--instance-noise", "0.2", "--d-dropout", "0.3", "--d-norm", "spectral", "--g-batch-norm"];
    let game = ["--penalty", "r1", "--penalty-every", "3", "--lr-schedule", "cosine", "--d-steps", "2"];
    let flags = [&SMALL[..], &stabilisers, &game, &["--steps", "40", "--checkpoint-every", "7"]].concat();
    let files =
        ["checkpoint.safetensors", "generator.safetensors", "discriminator.safetensors", "losses.svg"];
    program().assert_killed_run_resumes(&flags, &files);
}

/// Each variant of the loss, the penalty, the optimiser or another setting gives different weights.
#[test]
fn every_variant_is_another_run() {
    let program = program();
    let variants = [
        &["--loss", "non-saturating"][..],
        &["--loss", "minimax"],
        &["--loss", "least-squares"],
        &["--loss", "hinge"],
        &["--loss", "wasserstein"],
        &["--penalty", "r1", "--penalty-every", "1"],
        &["--update", "simultaneous"],
        &["--optimizer", "sgd"],
        &["--optimizer", "momentum"],
        &["--optimizer", "rmsprop"],
        &["--label-smoothing", "0.1"],
        &["--noise", "uniform"],
        &["--lr-schedule", "linear"],
        &["--lr-schedule", "step"],
    ];
    let mut seen = vec![];
    for (i, variant) in variants.iter().enumerate() {
        let name = i.to_string();
        let flags =
            [&SMALL[..], &["--dataset", "moons", "--steps", "4", "--name", &name, "--quiet"], variant];
        program.succeed(&flags.concat());
        let weights = program.read(&name, "generator.safetensors");
        assert!(!seen.contains(&weights), "{variant:?} trains the same weights as another variant");
        seen.push(weights);
    }
}

/// For points, the covered modes are counted after each epoch. At the end, the value V of the game
/// is reported together with its value at the equilibrium.
#[test]
fn points_are_counted_and_the_value_is_measured() {
    let program = program();
    let flags = ["--dataset", "ring", "--batch-size", "20000", "--epochs", "1", "--name", "a"];
    program.succeed(&[&SMALL[..4], &flags].concat());
    let figures = program.figures("a").pop().unwrap();
    assert!(figures.contains("\"modes\":") && figures.contains("\"high_quality\":"), "{figures}");
    let last = String::from_utf8(program.read("a", "final.json")).unwrap();
    assert!(last.contains("\"value_at_equilibrium\":-1.386") && last.contains("\"modes\":"), "{last}");
    assert!(program.run("a").join("samples").join("epoch-0001-step-000003.png").is_file());
    let config = String::from_utf8(program.read("a", "config.toml")).unwrap();
    assert!(config.contains("\nlatent = 2\n") && config.contains("\nlr = 0.001\n"), "{config}");
}

/// The example of the ring (Goodfellow et al. 2014, section 3). With a D that is trained ahead, the
/// gradient of the minimax loss vanishes, and the samples of G are in no cluster. The Wasserstein
/// distance still has a gradient, and G finds all clusters. The test uses the two commands of the
/// README, with half the batch size and half the steps.
#[test]
fn minimax_saturates_where_wasserstein_finds_all_modes() {
    let program = program();
    let last = |loss: &str| {
        let short = ["--batch-size", "64", "--steps", "900", "--quiet"];
        let flags = ["--dataset", "ring", "--d-steps", "5", "--loss", loss, "--name", loss];
        program.succeed(&[&flags[..], &short].concat());
        let last: serde_json::Value = serde_json::from_slice(&program.read(loss, "final.json")).unwrap();
        ["modes", "high_quality"].map(|key| last[key].as_f64().unwrap())
    };
    let [_, high_quality] = last("minimax");
    assert!(high_quality < 0.1, "{high_quality} of the samples within 3 sigma");
    let [modes, high_quality] = last("wasserstein");
    assert!(modes == 8.0 && high_quality > 0.2, "{modes} modes, {high_quality}");
}

#[test]
fn wrong_flags_are_explained() {
    let program = program();
    program.fail(&["--dataset", "sphere"], "sphere");
    program.fail(&["--g-hidden", "16,,8"], "1 to 65536");
    program.fail(
        &["--dataset", "ring", "--image-size", "32"],
        "--image-size has no effect here: it is for images",
    );
    program.fail(
        &["--penalty-weight", "3"],
        "--penalty-weight has no effect here: it is for --penalty r1 or gp",
    );
    program.fail(&["--d-dropout", "1"], "from 0 to below 1");
    program.fail(&["--loss", "hinge", "--label-smoothing", "0.1"], "--loss hinge has none");
    program.fail(&["--latent", "-1"], "1 to 65536");
    program.fail(&["--batch-size", "1", "--g-batch-norm"], "needs 2 samples or more");
    program.fail(&["--dataset", "rings"], "the points ring, grid, moons");
    program.fail(&["--dataset", "ring", "--d-steps", "900"], "an epoch has only 468 batches");
    assert!(!program.directory().join("runs").exists(), "a command that fails leaves no run behind");
}

/// R1 is also allowed for perceptrons, which have no batch norm unless a flag sets it.
#[test]
fn a_penalty_brings_no_batch_norm() {
    let program = program();
    program.succeed(&[
        "--penalty",
        "r1",
        "--batch-size",
        "1",
        "--steps",
        "1",
        "--g-hidden",
        "4",
        "--d-hidden",
        "4",
        "--name",
        "r1",
    ]);
    let config = String::from_utf8(program.read("r1", "config.toml")).unwrap();
    assert!(config.contains("d_norm = \"none\"") || config.contains("d-norm = \"none\""), "{config}");
}

#[test]
fn it_stops_while_it_measures_at_the_end() {
    let flags = ["--dataset", "ring", "--batch-size", "16", "--g-hidden", "4096,4096", "--d-hidden", "8"];
    Program::new("train-gan").assert_stops_while_it_measures(&flags);
}
