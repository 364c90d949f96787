//! The models. Each module contains the networks of one paper, and a function that creates a model
//! that is ready to train.
//!
//! | module | paper | makes |
//! | --- | --- | --- |
//! | [`vae`] | Kingma & Welling 2014 | an [`Autoencoder`](crate::variational::Autoencoder) |
//! | [`gan`] | Goodfellow et al. 2014 | a [`Game`](crate::adversarial::Game) of perceptrons |
//! | [`dcgan`] | Radford, Metz & Chintala 2016 | a game of convolutional networks |
//! | [`cgan`] | Mirza & Osindero 2014 | a game whose networks get a class or an image as condition |

#[doc(inline)]
pub use adjoint_cgan as cgan;
#[doc(inline)]
pub use adjoint_dcgan as dcgan;
#[doc(inline)]
pub use adjoint_gan as gan;
#[doc(inline)]
pub use adjoint_vae as vae;
