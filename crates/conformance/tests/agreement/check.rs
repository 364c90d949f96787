//! Runs the cases of a fixture file. Compares values and gradients with those of PyTorch.

use crate::compare::relative_error;
use crate::fixture::{Case, read};
use adjoint_autodiff::Var;
use adjoint_nn::Module;
use adjoint_tensor::{Element, Tensor};
use std::collections::BTreeMap;

/// A case whose inputs are loaded as variables of the engine.
pub(crate) struct Call<'a, E: Element> {
    pub(crate) case: &'a Case,
    inputs: BTreeMap<&'a str, Var<E>>,
}

impl<'a, E: Element> Call<'a, E> {
    fn new(case: &'a Case) -> Self {
        let input = |name: &'a String| {
            let value = case.tensor(name);
            let wanted = case.record.differentiated.contains(name);
            (name.as_str(), if wanted { Var::leaf(value) } else { Var::constant(value) })
        };
        Call { case, inputs: case.record.inputs.iter().map(input).collect() }
    }

    /// Returns the name of the operation.
    pub(crate) fn op(&self) -> &'a str {
        &self.case.record.op
    }

    /// Returns the input called `name`.
    pub(crate) fn var(&self, name: &str) -> &Var<E> {
        self.inputs.get(name).unwrap_or_else(|| panic!("{} has no input {name}", self.case.record.name))
    }

    /// Loads parameters and buffers of a layer from the inputs of the same names. Each input that
    /// is a parameter is then replaced by the variable of the layer's parameter, so that its
    /// gradient can be computed.
    pub(crate) fn load(&mut self, layer: &mut impl Module<E>) {
        let state: Vec<_> =
            layer.state().into_iter().map(|(name, _)| (name.clone(), self.case.tensor(&name))).collect();
        layer.load_state(&state).unwrap_or_else(|error| panic!("{}: {error}", self.case.record.name));
        for (name, parameter) in layer.parameters() {
            *self.inputs.get_mut(name.as_str()).expect("the state was made of inputs") = parameter.var();
        }
    }

    /// Returns all inputs, in the order of the case.
    pub(crate) fn vars(&self) -> Vec<&Var<E>> {
        self.case.record.inputs.iter().map(|name| self.var(name)).collect()
    }
}

/// Returns the largest allowed [`relative_error`] of a result. `theirs` is the result of PyTorch in
/// f64.
///
/// In f64, the tolerance is the agreement that the project promises. In f32, both libraries round,
/// and some operations lose most of their digits. Examples are batch norm of two values, and of
/// data at 1000 +- 1. The case also stores the result of PyTorch in f32, so the f32 error of
/// PyTorch is known. The tolerance is 4 times this error, but at least 1e-5, which is about a
/// hundred rounding errors.
fn tolerance<E: Element>(case: &Case, part: &str, theirs: &Tensor<f64>) -> f64 {
    match E::NAME {
        "f64" => 1e-9,
        _ => (4.0 * relative_error::<f32>(&case.tensor(&format!("{part}.f32")), theirs)).max(1e-5),
    }
}

/// The error of one output or gradient of a case, and its tolerance.
struct Comparison {
    what: String,
    error: f64,
    tolerance: f64,
}

/// Runs every case of a fixture file and compares the results with PyTorch. `run` computes the
/// operation of a case and returns its outputs in the order in which the case lists them.
///
/// # Panics
/// If a result differs. The message lists all differences. `run` must panic for an operation that
/// it does not know, so that no case is skipped.
pub(crate) fn agrees<E: Element>(file: &str, run: fn(&mut Call<'_, E>) -> Vec<Var<E>>) {
    let cases = read(file);
    let all: Vec<Comparison> = cases.iter().flat_map(|case| compare(case, run)).collect();
    let wrong = all.iter().filter(|c| c.error > c.tolerance);
    let wrong: Vec<_> = wrong.map(|c| format!("{}: {:.1e} > {:.1e}", c.what, c.error, c.tolerance)).collect();
    assert!(wrong.is_empty(), "{} disagree in {}:\n{}", wrong.len(), E::NAME, wrong.join("\n"));
    let worst = all.iter().map(|c| c.error / c.tolerance).fold(0.0, f64::max);
    println!("{file}, {}: {} cases, worst error {worst:.1e} of the tolerance", E::NAME, cases.len());
}

/// Compares each output and each gradient of a case with the result of PyTorch.
fn compare<E: Element>(case: &Case, run: fn(&mut Call<'_, E>) -> Vec<Var<E>>) -> Vec<Comparison> {
    let record = &case.record;
    let mut call = Call::new(case);
    let outputs = run(&mut call);
    assert_eq!(outputs.len(), record.outputs.len(), "{}: number of outputs", record.name);
    let mut comparisons = vec![];
    let mut compare = |part: String, ours: &Tensor<E>| {
        let theirs = case.tensor(&format!("{part}.f64"));
        let tolerance = tolerance::<E>(case, &part, &theirs);
        let what = format!("{} {part}", record.name);
        comparisons.push(Comparison { what, error: relative_error(ours, &theirs), tolerance });
    };
    let wanted: Vec<&Var<E>> = record.differentiated.iter().map(|name| call.var(name)).collect();
    let mut loss = Var::constant(Tensor::scalar(0.0));
    for (name, y) in record.outputs.iter().zip(&outputs) {
        compare(name.clone(), y.value());
        if y.depends_on(&wanted).contains(&true) {
            loss = loss + (y * Var::constant(case.tensor(&format!("cotangent.{name}")))).sum();
        }
    }
    for (name, gradient) in record.differentiated.iter().zip(loss.gradients(&wanted)) {
        compare(format!("grad.{name}"), &gradient);
    }
    comparisons
}
