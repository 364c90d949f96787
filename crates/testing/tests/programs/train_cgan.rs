//! Tests of `train-cgan`: killed and resumed, conditioned on classes and on images, and with
//! invalid flags.

use adjoint_testing::Program;

const SMALL: [&str; 8] = ["--batch-size", "16", "--latent", "3", "--log-every", "1", "--width", "2"];
/// Flags for networks of perceptrons, which are small.
const MLP: [&str; 6] = ["--arch", "mlp", "--g-hidden", "8", "--d-hidden", "8"];

fn program() -> Program {
    Program::new("train-cgan")
}

#[test]
fn a_killed_run_resumes_with_the_same_bits() {
    let flags =
        ["--condition", "embedding", "--steps", "40", "--checkpoint-every", "7", "--d-dropout", "0.1"];
    let files =
        ["checkpoint.safetensors", "generator.safetensors", "generator_ema.safetensors", "losses.svg"];
    program().assert_killed_run_resumes(&[&SMALL[..], &flags].concat(), &files);
}

/// A denoised image gets noise, and an inpainted image gets a hole. Both depend on the step alone,
/// so a resumed run trains on the same images.
#[test]
fn a_killed_denoising_run_resumes_with_the_same_bits() {
    let flags = ["--task", "denoise", "--steps", "40", "--checkpoint-every", "7"];
    program().assert_killed_run_resumes(&[&SMALL[..], &flags].concat(), &["generator.safetensors"]);
}

#[test]
fn every_task_and_body_trains_and_shows() {
    let program = program();
    for (i, (body, flags)) in [
        (&SMALL[6..], &["--task", "class"][..]),
        (&SMALL[6..], &["--task", "inpaint"]),
        (&SMALL[6..], &["--task", "edges", "--dataset", "glyphs-rgb"]),
        (&MLP, &[]),
        (&MLP, &["--condition", "embedding"]),
    ]
    .into_iter()
    .enumerate()
    {
        let name = i.to_string();
        program.succeed(&[&SMALL[..6], body, flags, &["--steps", "2", "--name", &name, "--quiet"]].concat());
        let pictures = program.run(&name).join("samples");
        assert!(pictures.join("epoch-0001-step-000002.png").is_file(), "{flags:?}");
    }
    // If the condition is an image, the run logs the distance of the samples to the original
    // images.
    let last = String::from_utf8(program.read("1", "final.json")).unwrap();
    assert!(last.contains("\"l1_test\":"), "{last}");
}

#[test]
fn wrong_flags_are_explained() {
    let program = program();
    program.fail(&["--arch", "mlp", "--task", "inpaint"], "take --task class or --arch conv");
    program.fail(&["--task", "colour"], "inpaint");
    program.fail(&["--dataset", "ring"], "ring");
    program.fail(&["--l1", "-1"], "not below 0");
    for (flags, purpose) in [
        (&["--l1", "10"][..], "--l1 has no effect here: it is for a task with an image"),
        (
            &["--task", "inpaint", "--condition", "embedding"],
            "--condition has no effect here: it is for --task class",
        ),
        (&["--g-hidden", "8"], "--g-hidden has no effect here: it is for --arch mlp"),
        (&["--d-hidden", "8"], "--d-hidden has no effect here: it is for --arch mlp"),
        (&["--arch", "mlp", "--width", "8"], "--width has no effect here: it is for --arch conv"),
    ] {
        program.fail(flags, purpose);
    }
    assert!(!program.directory().join("runs").exists(), "a command that fails leaves no run behind");
}

/// By default, D has batch norm only if it has convolutions and the penalty is not `gp`. The
/// penalty may be set by a flag or follow from the loss.
#[test]
fn what_keeps_d_in_bounds_follows_from_the_rest() {
    let program = program();
    let norm = |flags: &[&str]| {
        let said = program.succeed(&[&["--dry-run"], flags].concat());
        let discriminator = said.split("\n\n").find(|table| table.starts_with("discriminator")).unwrap();
        ["batch norm", "spectral norm"].into_iter().find(|norm| discriminator.contains(norm))
    };
    for (flags, want) in [
        (&[][..], Some("batch norm")),
        (&["--penalty", "r1"], Some("batch norm")),
        (&["--penalty", "gp"], None),
        (&["--loss", "wasserstein"], None),
        (&["--loss", "wasserstein", "--penalty", "r1"], Some("batch norm")),
        (&["--arch", "mlp"], None),
        (&["--arch", "mlp", "--penalty", "r1"], None),
        (&["--arch", "mlp", "--d-norm", "spectral"], Some("spectral norm")),
    ] {
        assert_eq!(norm(flags), want, "{flags:?}");
    }
}

#[test]
fn it_stops_while_it_measures_at_the_end() {
    let flags = ["--task", "inpaint", "--image-size", "64", "--width", "128", "--batch-size", "4"];
    Program::new("train-cgan").assert_stops_while_it_measures(&flags);
}
