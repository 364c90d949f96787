//! Trained networks in the formats of other programs.
//!
//! * [`Graph`]: a network as a list of operations on arrays in the layout of PyTorch and ONNX.
//! * [`networks`]: the graphs of the networks of each model.
//! * [`torch`]: a graph as modules of `torch.nn`, and its weights as a safetensors file.
//! * [`onnx`]: a graph as an ONNX file.
//! * [`Content`]: what the values of an input or an output are.
//! * [`examples`]: networks of the example programs of PyTorch, with the names of the engine.
//! * [`Facts`]: what a user of the network must know, such as the range of its pixels.
//!
//! This crate opens no run and writes no file: it maps states of networks to bytes and text.
//!
//! ```
//! use adjoint_dcgan::{Architecture, Generator};
//! use adjoint_interop::{Content, networks};
//! use adjoint_nn::{Module, Scheme};
//!
//! let size = Architecture { image_size: 16, channels: 1, ..Architecture::default() };
//! let a = Architecture { width: 4, latent: 8, ..size };
//! let mut generator = Generator::<f32>::new(&a);
//! Scheme::dcgan().apply(&mut generator, "generator", 1);
//! let graph = networks::dcgan_generator(&a, &generator.state(), Content::Uniform);
//! assert_eq!(graph.value(graph.outputs[0].value).dims, [1, 16, 16]);
//! ```
#![forbid(unsafe_code)]

mod builder;
mod content;
pub mod examples;
mod facts;
pub mod graph;
pub mod networks;
pub mod onnx;
#[cfg(test)]
mod tests;
pub mod torch;

pub use content::Content;
pub use facts::{Facts, LAYOUT};
pub use graph::Graph;
