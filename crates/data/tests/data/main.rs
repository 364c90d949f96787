//! Tests of the public interface: files, mirrors, batches, failing sources, and the real MNIST.

mod batches;
mod download;
mod files;
mod flips;
mod limit;
mod mnist;
mod support;
mod unreadable;
