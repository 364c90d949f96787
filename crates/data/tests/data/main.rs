//! Tests of the public interface: files, mirrors, batches, limits, sources that fail, and the real MNIST.

mod batches;
mod download;
mod files;
mod limit;
mod mnist;
mod support;
mod unreadable;
