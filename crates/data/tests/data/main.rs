//! Tests of the public interface: files, mirrors, batches, sources that fail, and the real MNIST.

mod batches;
mod download;
mod files;
mod mnist;
mod support;
mod unreadable;
