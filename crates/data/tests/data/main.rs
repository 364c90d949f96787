//! The crate as a program meets it: files of every sort, mirrors of every sort, batches, and MNIST
//! itself.

mod batches;
mod download;
mod files;
mod mnist;
mod support;
