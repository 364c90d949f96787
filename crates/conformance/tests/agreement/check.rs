//! Runs the cases of a file and compares values and gradients.

use crate::compare::relative_error;
use crate::fixture::{Case, read};
use adjoint_autodiff::Var;
use adjoint_tensor::{Element, Tensor};
use std::collections::BTreeMap;

/// A case about to be run: its inputs as values of the engine.
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

    /// The operation's name.
    pub(crate) fn op(&self) -> &'a str {
        &self.case.record.op
    }

    /// An input by its name.
    pub(crate) fn var(&self, name: &str) -> &Var<E> {
        self.inputs.get(name).unwrap_or_else(|| panic!("{} has no input {name}", self.case.record.name))
    }

    /// All inputs in order.
    pub(crate) fn vars(&self) -> Vec<&Var<E>> {
        self.case.record.inputs.iter().map(|name| self.var(name)).collect()
    }
}

/// How far two implementations may be apart, as [`relative_error`] measures it.
///
/// In f64 this is the agreement the project promises. In f32 the same sums are done in another order: the cases' longest
/// adds 200 terms, whose rounding errors of 2^-24 come to a few 1e-6, and batch norm of data at 1000 +- 1 loses three
/// digits in the subtraction alone.
pub(crate) fn tolerance<E: Element>() -> f64 {
    match E::NAME {
        "f64" => 1e-9,
        _ => 1e-4,
    }
}

/// Runs every case of a file; `run` gives the operation's outputs in the order in which the case lists them.
///
/// # Panics
/// With the list of all disagreements. A case that `run` does not know is for `run` to panic about: none is skipped.
pub(crate) fn agrees<E: Element>(file: &str, run: fn(&Call<'_, E>) -> Vec<Var<E>>) {
    let cases = read(file);
    let errors: Vec<_> = cases.iter().flat_map(|case| errors_of(case, run)).collect();
    let wrong = errors.iter().filter(|(_, error)| *error > tolerance::<E>());
    let wrong: Vec<String> = wrong.map(|(what, error)| format!("{what}: {error:.1e}")).collect();
    assert!(wrong.is_empty(), "{} disagree in {}:\n{}", wrong.len(), E::NAME, wrong.join("\n"));
    let worst = errors.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    println!("{file}, {}: {} cases, worst {worst:?}", E::NAME, cases.len());
}

/// The relative error of each output and each gradient.
fn errors_of<E: Element>(case: &Case, run: fn(&Call<'_, E>) -> Vec<Var<E>>) -> Vec<(String, f64)> {
    let record = &case.record;
    let call = Call::new(case);
    let outputs = run(&call);
    assert_eq!(outputs.len(), record.outputs.len(), "{}: number of outputs", record.name);
    let mut errors = vec![];
    let mut compare = |part: String, ours: &Tensor<E>| {
        errors.push((format!("{} {part}", record.name), relative_error(ours, &case.computed(&part))));
    };
    let mut loss = Var::constant(Tensor::scalar(0.0));
    for (name, y) in record.outputs.iter().zip(&outputs) {
        compare(name.clone(), y.value());
        if y.is_differentiable() {
            loss = loss + (y * Var::constant(case.tensor(&format!("cotangent.{name}")))).sum();
        }
    }
    let wanted: Vec<&Var<E>> = record.differentiated.iter().map(|name| call.var(name)).collect();
    for (name, gradient) in record.differentiated.iter().zip(loss.gradients(&wanted)) {
        compare(format!("grad.{name}"), &gradient);
    }
    errors
}
