//! The defaults of the flags of adversarial trainers.

use adjoint_nn::named;
use adjoint_runs::{Preset, preset};

/// The defaults of [`GameArgs`](super::GameArgs).
pub const GAME: &[Preset] = &[
    preset("latent", "100"),
    preset("noise", "uniform"),
    preset("d_norm", "batch"),
    preset("d_dropout", "0"),
    preset("lr", "0.0002"),
    preset("lr_schedule", "constant"),
    preset("optimizer", "adam"),
    preset("beta1", "0.5"),
    preset("beta2", "0.999"),
    preset("d_steps", "1"),
    preset("update", "alternating"),
    preset("loss", "non-saturating"),
    // The Wasserstein loss with this penalty is WGAN-GP.
    preset("penalty", "gp").beside("loss", "wasserstein"),
    preset("penalty", "r1"),
    preset("penalty_weight", "1").beside("penalty", "r1"),
    preset("penalty_weight", "10").beside("penalty", "gp"),
    preset("penalty_weight", "10").beside("loss", "wasserstein"),
    preset("penalty_weight", "1"),
    preset("penalty_every", "8").beside("penalty", "r1"),
    preset("penalty_every", "1").beside("penalty", "gp"),
    preset("penalty_every", "1").beside("loss", "wasserstein"),
    preset("penalty_every", "8"),
    preset("label_smoothing", "0"),
    preset("instance_noise", "0"),
    preset("instance_noise_epochs", "10"),
    preset("ema", "0.999"),
];

/// The defaults of [`HiddenArgs`](super::HiddenArgs).
pub const HIDDEN: &[Preset] = &[preset("g_hidden", "256,512,1024"), preset("d_hidden", "512,256")];

/// The defaults of [`ConditionArgs`](super::ConditionArgs).
pub const CONDITION: &[Preset] = &[
    preset("task", "class"),
    preset("condition", "onehot"),
    // The weight in pix2pix (Isola et al. 2017, section 6.2).
    preset("l1", "100"),
];

/// The defaults of [`GameArgs::d_norm`](super::GameArgs::d_norm) for a convolutional D. With the
/// penalty of WGAN-GP, the default is no normalisation: batch norm couples the samples of a batch,
/// but the penalty is defined per sample.
pub const D_NORM_OF_CONVOLUTIONS: &[Preset] = &[
    preset("d_norm", "batch").beside("penalty", "r1"),
    preset("d_norm", "none").beside("penalty", "gp"),
    preset("d_norm", "none").beside("loss", "wasserstein"),
];

named! {
    /// Kinds of natural images that have defaults of their own.
    pub enum Natural {
        /// CIFAR-10, or images of the same kind: photos of 32 x 32 pixels.
        Cifar10 = "cifar10": "CIFAR-10, 32x32",
        /// Images of 64 x 64 pixels, from a folder.
        Images64 = "images64": "a folder of images at 64x64",
    }
}

/// The defaults of `--preset`. They come first, so that they override other conditional defaults.
pub const NATURAL: &[Preset] = &[
    preset("dataset", "cifar10").beside("preset", "cifar10"),
    preset("image_size", "32").beside("preset", "cifar10"),
    preset("image_size", "64").beside("preset", "images64"),
    preset("width", "32").beside("preset", "cifar10"),
    preset("width", "32").beside("preset", "images64"),
    preset("batch_size", "64").beside("preset", "cifar10"),
    preset("batch_size", "64").beside("preset", "images64"),
    preset("epochs", "40").beside("preset", "cifar10"),
    preset("epochs", "100").beside("preset", "images64"),
    preset("flip", "true").beside("preset", "cifar10"),
];

#[cfg(test)]
mod tests {
    use crate::dcgan::Settings;
    use adjoint_adversarial::Penalty;
    use adjoint_nn::layers::Norm;

    fn settings(flags: &[&str]) -> Settings {
        adjoint_runs::parse([&["train-dcgan"], flags].concat()).unwrap()
    }

    #[test]
    fn a_loss_brings_what_it_needs() {
        let game = |flags: &[&str]| {
            let settings = settings(flags);
            let game = settings.game.settings(1).unwrap();
            (game.penalty, game.penalty_weight, game.penalty_every, settings.game.d_style().0)
        };
        assert_eq!(game(&[]), (Penalty::R1, 1.0, 8, Norm::Batch));
        assert_eq!(game(&["--penalty", "none"]), (Penalty::None, 1.0, 8, Norm::Batch));
        let gp = (Penalty::Gp, 10.0, 1, Norm::None);
        assert_eq!(game(&["--loss", "wasserstein"]), gp);
        assert_eq!(game(&["--penalty", "gp"]), gp);
        let free = game(&["--loss", "wasserstein", "--penalty", "none", "--d-norm", "spectral"]);
        assert_eq!((free.0, free.3), (Penalty::None, Norm::Spectral));
        let bare = settings(&["--loss", "wasserstein", "--penalty", "none", "--d-norm", "batch"]);
        assert!(bare.game.settings(1).unwrap_err().to_string().contains("take --penalty gp"));
    }
}
