//! States: lists of named tensors, and the error for a state that does not fit.

use adjoint_tensor::{Element, Shape, Tensor};
use std::collections::BTreeMap;
use std::fmt;

/// An ordered list of names and tensors: the weights of a model, or everything that a training run
/// needs to resume. The default element type is `f32`, which files use.
pub type NamedTensors<E = f32> = Vec<(String, Tensor<E>)>;

/// The differences that prevented a state from being loaded. The target of the load is unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateError {
    /// Expected names that are not in the state.
    pub missing: Vec<String>,
    /// Names in the state that are not expected, or that occur twice.
    pub unexpected: Vec<String>,
    /// Names of tensors with the wrong shape, the expected shape and the shape found.
    pub reshaped: Vec<(String, Shape, Shape)>,
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |names: &[String]| names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>();
        let reshape = |(name, expected, found): &(String, Shape, Shape)| {
            format!("`{name}` is {found} where {expected} is expected")
        };
        let parts = [
            list("lacks ", &quoted(&self.missing)),
            list("has the unexpected ", &quoted(&self.unexpected)),
            list("", &self.reshaped.iter().map(reshape).collect::<Vec<_>>()),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join("; "))
    }
}

impl std::error::Error for StateError {}

/// Lists up to three items: "lacks `a`, `b`, `c` and 4 more".
fn list(what: &str, items: &[String]) -> Option<String> {
    let shown = items[..items.len().min(3)].join(", ");
    match items.len() {
        0 => None,
        1..=3 => Some(format!("{what}{shown}")),
        n => Some(format!("{what}{shown} and {} more", n - 3)),
    }
}

/// Returns the tensors of `found` in the order of `expected`. Names and shapes must be those of
/// `expected`.
///
/// # Errors
/// If a name is missing, unexpected or occurs twice, or a tensor has the wrong shape. The error
/// contains all of these names.
pub fn match_names<'a, E: Element>(
    expected: &[(String, Tensor<E>)],
    found: &'a [(String, Tensor<E>)],
) -> Result<Vec<&'a Tensor<E>>, StateError> {
    let mut error = StateError::default();
    let mut by_name = BTreeMap::new();
    for (name, value) in found {
        if by_name.insert(name, value).is_some() {
            error.unexpected.push(name.clone());
        }
    }
    let mut matched = Vec::with_capacity(expected.len());
    for (name, own) in expected {
        match by_name.remove(name) {
            None => error.missing.push(name.clone()),
            Some(value) if value.shape() != own.shape() => {
                error.reshaped.push((name.clone(), own.shape(), value.shape()));
            }
            Some(value) => matched.push(value),
        }
    }
    error.unexpected.extend(by_name.into_keys().cloned());
    if error == StateError::default() { Ok(matched) } else { Err(error) }
}

/// Base of encoded counts. Integers below it are exact in every element type.
const BASE: u64 = 1 << 24;

/// Encodes a count as a tensor of two digits in base [`BASE`], the lower digit first. This is exact
/// below 2^48, also in `f32`.
pub(crate) fn encode_count<E: Element>(count: u64) -> Tensor<E> {
    Tensor::from_slice([2], &[count % BASE, count / BASE].map(|digit| E::of(digit as f64)))
}

/// Decodes a count of [`encode_count`]. Other tensors give an arbitrary count.
pub(crate) fn decode_count<E: Element>(digits: &Tensor<E>) -> u64 {
    digits.data().iter().rev().fold(0, |count, digit| count * BASE + (digit.f64() as u64).min(BASE - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_described() {
        let named =
            |(name, shape): &(&str, &[usize])| (name.to_string(), Tensor::<f32>::zeros(Shape::new(shape)));
        let own: [(&str, &[usize]); 5] = [
            ("g.1.weight", &[4, 4, 3, 5]),
            ("g.0.bias", &[7]),
            ("step", &[]),
            ("empty", &[0, 3]),
            ("last", &[2]),
        ];
        let expected = own.iter().map(named).collect::<Vec<_>>();
        let differ = |change: fn(&mut NamedTensors)| {
            let mut found = expected.clone();
            change(&mut found);
            match_names(&expected, &found).unwrap_err().to_string()
        };
        assert_eq!(differ(|t| drop(t.remove(2))), "lacks `step`");
        assert_eq!(differ(|t| t.push(t[0].clone())), "has the unexpected `g.1.weight`");
        assert_eq!(
            differ(|t| t[0].1 = t[0].1.reshape([4, 4, 5, 3])),
            "`g.1.weight` is [4, 4, 5, 3] where [4, 4, 3, 5] is expected"
        );
        assert_eq!(
            differ(|t| t.iter_mut().for_each(|(name, _)| name.insert(0, 'x'))),
            "lacks `g.1.weight`, `g.0.bias`, `step` and 2 more; \
             has the unexpected `xempty`, `xg.0.bias`, `xg.1.weight` and 2 more"
        );
        let reversed: NamedTensors = expected.iter().rev().cloned().collect();
        let shapes = |t: &[&Tensor<f32>]| t.iter().map(|t| t.shape()).collect::<Vec<_>>();
        let matched = match_names(&expected, &reversed).unwrap();
        assert_eq!(shapes(&matched), shapes(&expected.iter().map(|(_, t)| t).collect::<Vec<_>>()));
    }

    #[test]
    fn counts_survive_in_f32() {
        for count in [0, 1, BASE - 1, BASE, BASE + 1, 123_456_789_012, (1 << 48) - 1] {
            assert_eq!(decode_count(&encode_count::<f32>(count)), count);
        }
        // Invalid digits, as from a damaged file, do not overflow.
        assert_eq!(decode_count(&Tensor::from_slice([2], &[f32::NAN, f32::INFINITY])), (BASE - 1) * BASE);
    }
}
