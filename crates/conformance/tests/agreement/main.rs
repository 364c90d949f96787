//! Tests that the engine agrees with PyTorch: values and gradients of operations, losses and
//! penalties, the steps of optimisers, and short training runs. The results of PyTorch are in
//! `fixtures/`; the tests do not run Python.
#![forbid(unsafe_code)]

mod arrays;
mod check;
mod compare;
mod convolution;
mod dcgan;
mod elementwise;
mod fixture;
mod games;
mod layers;
mod objectives;
mod optimizers;
mod vae;

/// The fixture files whose cases are single operations. One of the modules above runs the cases of
/// each file.
#[test]
fn there_are_enough_operation_cases() {
    let files = ["elementwise", "arrays", "convolution", "layers", "objectives"];
    let cases: usize = files.iter().map(|file| fixture::read(file).len()).sum();
    assert!(cases >= 150, "only {cases} cases");
}
