//! The engine computes what PyTorch computes: values and gradients of operations, losses and
//! penalties, the paths of optimisers, a short training run. PyTorch's answers are in `fixtures/`;
//! nothing here runs Python.
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

/// Every case of these files is an operation, and each is run by one of the modules above.
#[test]
fn there_are_enough_operation_cases() {
    let files = ["elementwise", "arrays", "convolution", "layers", "objectives"];
    let cases: usize = files.iter().map(|file| fixture::read(file).len()).sum();
    assert!(cases >= 150, "only {cases} cases");
}
