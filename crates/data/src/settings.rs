//! The image settings on which the pixels of a dataset depend.

use std::borrow::Cow;

use adjoint_raster::convert;
use adjoint_tensor::Named;
use sha2::{Digest as _, Sha256};

use crate::{Fit, FitMode, Options};

/// The most rows and columns of an image in a file.
pub(crate) const MAX_SIDE: usize = adjoint_decode::MAX_SIDE as usize;

/// The settings on which the pixels of an image depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Height and width in pixels.
    pub(crate) size: usize,
    /// 1 (the luma of BT.601) or 3.
    pub(crate) channels: usize,
    /// The colour of transparent pixels, and of the pixels around an image with [`FitMode::Pad`].
    pub(crate) background: [u8; 3],
    pub(crate) fit: FitMode,
}

impl Settings {
    /// The settings that the user has chosen, with the channels and the default fit of a dataset.
    pub(crate) fn of(options: &Options, channels: usize, fit: FitMode) -> Self {
        let Options { image_size: size, background, .. } = *options;
        Self { size, channels, background, fit: options.fit.unwrap_or(fit) }
    }

    /// Bytes of an image.
    pub(crate) fn image_len(&self) -> usize {
        self.size * self.size * self.channels
    }

    /// Prepares to fit images of `stored` pixels (height, width).
    pub(crate) fn fit(&self, stored: [usize; 2]) -> Fit {
        let background = convert(Cow::Borrowed(&self.background), 3, self.channels);
        Fit::new(self.fit, stored, self.channels, self.size, &background)
    }

    /// A note on images of `stored` pixels (height, width), if they are enlarged.
    pub(crate) fn enlarged(&self, stored: [usize; 2]) -> Option<String> {
        let ([height, width], size) = (stored, self.size);
        let is_enlarged = self.fit(stored).enlarges();
        is_enlarged.then(|| format!("images of {width}x{height} pixels are enlarged to {size}x{size}"))
    }

    /// Adds the settings to a hash.
    pub(crate) fn hash(&self, hash: &mut Sha256) {
        let Self { size, channels, background, fit } = *self;
        for number in [size, channels] {
            hash.update((number as u64).to_le_bytes());
        }
        hash.update(background);
        hash.update(fit.name());
    }
}
