//! Tests that the engine agrees with PyTorch. Compared are values and gradients of operations,
//! losses and penalties, the steps of optimisers, and short training runs. The results of PyTorch
//! are in `fixtures/`, so the tests do not run Python.
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

/// Counts the cases that consist of a single operation. Each of the listed fixture files is tested
/// by the module of the same name.
#[test]
fn there_are_enough_operation_cases() {
    let files = ["elementwise", "arrays", "convolution", "layers", "objectives"];
    let cases: usize = files.iter().map(|file| fixture::read(file).len()).sum();
    assert!(cases >= 150, "only {cases} cases");
}
