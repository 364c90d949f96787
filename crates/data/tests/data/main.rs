//! Tests of the public interface: files, mirrors, batches, fitted images, failing sources, and the
//! real MNIST.

mod batches;
mod cifar;
mod download;
mod files;
mod flips;
mod limit;
mod manifests;
mod mnist;
mod pillow;
mod support;
mod unpinned;
mod unreadable;
