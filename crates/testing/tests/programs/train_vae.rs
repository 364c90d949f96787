//! Tests of `train-vae`: killed and resumed, with invalid flags, and with --dry-run.

use adjoint_testing::Program;

const SMALL: [&str; 8] = ["--hidden", "16", "--batch-size", "16", "--latent", "3", "--log-every", "1"];
/// Flags for short runs. They do not set the hidden layers.
const SHORT: [&str; 6] = ["--batch-size", "16", "--latent", "3", "--log-every", "1"];

fn program() -> Program {
    Program::new("train-vae")
}

/// The run uses everything that is random or changes over time: random binarisation, several
/// samples of z per image, the warm-up of the KL term, and batch norm. It also has class labels.
#[test]
fn a_killed_run_resumes_with_the_same_bits() {
    let conv = ["--arch", "conv", "--width", "2", "--conditional", "--binarize", "dynamic"];
    let bound = ["--objective", "iwae", "--k", "2", "--kl-warmup", "1"];
    let flags = [&SHORT[..], &conv, &bound, &["--steps", "40", "--checkpoint-every", "7"]].concat();
    let files = ["checkpoint.safetensors", "encoder.safetensors", "decoder.safetensors", "losses.svg"];
    program().assert_killed_run_resumes(&flags, &files);
}

/// After an epoch, the run logs the bound on the training set and on the test set, and how much
/// each latent dimension is used. At the end, it logs the likelihood.
#[test]
fn what_is_measured_is_logged() {
    let program = program();
    let flags = ["--batch-size", "20000", "--epochs", "1", "--nll-samples", "20", "--nll-images", "4"];
    let text = program.succeed(&[&SMALL[..2], &SMALL[4..6], &flags, &["--name", "a"]].concat());
    assert!(text.contains("nll_test"), "{text}");
    let figures = program.figures("a").pop().unwrap();
    for name in
        ["elbo_train", "elbo_test", "active_units_test", "kl_train_2", "kl_test_0", "reconstruction_test"]
    {
        assert!(figures.contains(&format!("\"{name}\":")), "no {name} in {figures}");
    }
    let last = String::from_utf8(program.read("a", "final.json")).unwrap();
    assert!(last.starts_with("{\"step\":3,") && last.contains("\"nll_samples\":20.0"), "{last}");
    for series in ["samples", "reconstructions"] {
        assert!(program.run("a").join(series).join("epoch-0001-step-000003.png").is_file(), "{series}");
    }
}

/// Runs with different likelihoods, estimators and layers log each step. They can be resumed.
#[test]
fn every_kind_of_run_trains() {
    let program = program();
    for (i, flags) in [
        &["--autoencoder"][..],
        &["--likelihood", "gaussian"],
        &["--likelihood", "gaussian", "--sigma", "0.2", "--beta", "4"],
        &["--binarize", "static", "--k", "3"],
        &["--estimator", "score", "--hidden", "8,4"],
        &["--dataset", "glyphs-rgb", "--image-size", "16"],
    ]
    .into_iter()
    .enumerate()
    {
        let name = i.to_string();
        program.succeed(&[&SHORT[..], flags, &["--steps", "3", "--name", &name]].concat());
        assert_eq!(program.figures(&name).len(), 3, "{flags:?}");
        program.succeed(&["--resume", &format!("runs/{name}"), "--steps", "4"]);
        assert_eq!(program.figures(&name).len(), 4, "{flags:?}");
    }
}

/// Each variant of the settings gives different weights. All runs log the norms of gradients. All
/// runs except the plain autoencoder log the KL divergence.
#[test]
fn every_variant_is_another_run() {
    let program = program();
    let variants = [
        &[][..],
        &["--latent", "4"],
        &["--hidden", "8,4"],
        &["--arch", "conv", "--width", "2"],
        &["--conditional"],
        &["--likelihood", "gaussian"],
        &["--likelihood", "gaussian", "--sigma", "0.5"],
        &["--binarize", "static"],
        &["--binarize", "dynamic"],
        &["--k", "3"],
        &["--objective", "iwae", "--k", "3"],
        &["--beta", "2"],
        &["--kl-warmup", "1"],
        &["--autoencoder"],
        &["--estimator", "score"],
        &["--lr", "0.01"],
        &["--lr-schedule", "linear"],
        &["--lr-schedule", "cosine"],
        &["--lr-schedule", "step"],
        &["--seed", "2"],
    ];
    let mut seen = vec![];
    for (i, variant) in variants.iter().enumerate() {
        let name = i.to_string();
        let short = ["--batch-size", "16", "--log-every", "1", "--steps", "4", "--quiet", "--name", &name];
        program.succeed(&[&short[..], variant].concat());
        // The test compares the weights of the decoder, not of the encoder. The encoder's weights
        // would differ with any difference in the loss of the last step.
        let weights = program.read(&name, "decoder.safetensors");
        assert!(!seen.contains(&weights), "{variant:?} trains the same weights as another variant");
        seen.push(weights);
        let figures = program.figures(&name);
        assert_eq!(figures[3].contains("\"kl\":"), *variant != ["--autoencoder"], "{figures:?}");
        assert!(figures[3].contains("\"gradient_encoder\":"), "{figures:?}");
    }
}

/// For the same weights, noise and images, the score-function estimator gives the encoder a
/// gradient with a larger norm, because most of this gradient is noise. The decoder's gradient does
/// not depend on the estimator.
#[test]
fn the_log_shows_which_estimator_is_noisier() {
    let program = program();
    let gradient = |estimator: &str| {
        program.succeed(
            &[&SMALL[..], &["--estimator", estimator, "--steps", "1", "--name", estimator]].concat(),
        );
        let first: serde_json::Value =
            serde_json::from_str(&(program.figures(estimator)[0].clone() + "}")).unwrap();
        ["gradient_encoder", "gradient_decoder"].map(|key| first[key].as_f64().unwrap())
    };
    let ([pathwise, decoder], [score, same]) = (gradient("pathwise"), gradient("score"));
    assert!(score > 3.0 * pathwise, "{score} to {pathwise}");
    assert_eq!(decoder, same, "the decoder's does not depend on the estimator");
}

#[test]
fn flags_that_contradict_each_other_are_explained() {
    let program = program();
    for (flags, expected) in [
        (&["--sigma", "0.1"][..], "--sigma has no effect here: it is for --likelihood gaussian"),
        (&["--width", "8"], "--width has no effect here: it is for --arch conv"),
        (&["--arch", "conv", "--hidden", "8"], "--hidden has no effect here: it is for --arch mlp"),
        (&["--beta", "0", "--kl-warmup", "3"], "--kl-warmup has no effect here: it is for --beta above 0"),
        (&["--nll-images", "10"], "--nll-images has no effect here: it is for --nll-samples"),
        (&["--likelihood", "gaussian", "--binarize", "static"], "take bernoulli"),
        (&["--estimator", "score", "--objective", "iwae"], "--estimator score is for --objective elbo"),
        (&["--autoencoder", "--beta", "2"], "--autoencoder"),
        (&["--hidden", "0"], "from 1 to 65536"),
        (&["--hidden", "60000,60000"], "GiB"),
        (&["--latent", "0"], "from 1 to 65536"),
        (&["--arch", "rnn"], "mlp"),
        (&["--image-size", "8"], "--image-size 8"),
    ] {
        program.fail(flags, expected);
    }
    assert!(!program.directory().join("runs").exists(), "a command that fails leaves no run behind");
}

/// Draws the loss curve of a run with one logged step, whose loss is above 2^53.
#[test]
fn a_huge_loss_is_drawn() {
    let program = program();
    let model = ["--likelihood", "gaussian", "--sigma", "1e-9", "--hidden", "8", "--latent", "2"];
    let run = ["--batch-size", "8", "--steps", "1", "--log-every", "1", "--name", "huge"];
    program.succeed(&[&model[..], &run].concat());
    let last = program.figures("huge").pop().unwrap();
    let last: serde_json::Value = serde_json::from_str(&(last + "}")).unwrap();
    assert!(last["loss"].as_f64().unwrap() > 2f64.powi(53), "{last}");
    let curves = String::from_utf8(program.read("huge", "losses.svg")).unwrap();
    assert!(curves.ends_with("</svg>\n") && !curves.contains("NaN"), "{curves}");
}

#[test]
fn a_dry_run_shows_the_networks_and_trains_nothing() {
    let program = program();
    let text = program.succeed(&["--dry-run", "--hidden", "300,200", "--conditional"]);
    for part in ["encoder", "decoder", "300", "mu and log variance", "FLOP, "] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    assert!(!program.directory().join("runs").exists());
}

#[test]
fn it_stops_while_it_measures_at_the_end() {
    let flags = ["--image-size", "16", "--hidden", "8", "--batch-size", "16", "--nll-images", "1"];
    let flags = [&flags[..], &["--nll-samples", "100000000"]].concat();
    Program::new("train-vae").assert_stops_while_it_measures(&flags);
}
