//! Reads the cases of a fixture file. Their tensors get the axis order of the engine.

use adjoint_tensor::{Element, Shape, Tensor};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// One operation with its inputs, and its results in PyTorch. `scripts/fixtures/bundle.py`
/// describes the tensors that are stored.
pub(crate) struct Case {
    pub(crate) record: Record,
    parts: BTreeMap<String, Part>,
}

/// The description of a case in the header of its file.
#[derive(Deserialize)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) op: String,
    pub(crate) attrs: serde_json::Value,
    #[serde(default)]
    pub(crate) inputs: Vec<String>,
    #[serde(default)]
    pub(crate) outputs: Vec<String>,
    #[serde(default)]
    pub(crate) differentiated: Vec<String>,
    #[serde(default)]
    layouts: BTreeMap<String, Layout>,
}

/// The kinds of tensors whose axis order in PyTorch differs from that of the engine.
#[derive(Clone, Copy, Deserialize)]
pub(crate) enum Layout {
    /// Images. They are NCHW in PyTorch and NHWC in the engine.
    #[serde(rename = "NCHW")]
    Image,
    /// Weights of convolutions. In PyTorch they are (out, in, kh, kw) for convolutions and (in,
    /// out, kh, kw) for transposed convolutions. The engine reverses the axes in both cases, to
    /// (kh, kw, second, first). The result is HWIO for a convolution whose output channels are the
    /// first axis of PyTorch.
    #[serde(rename = "OIHW")]
    Weight,
}

impl Layout {
    pub(crate) fn to_engine<E: Element>(self, t: &Tensor<E>) -> Tensor<E> {
        match self {
            Layout::Image => t.permute([0, 2, 3, 1]),
            Layout::Weight => t.permute([2, 3, 1, 0]),
        }
    }
}

struct Part {
    dims: Vec<usize>,
    /// The values as f64, which represents every stored number exactly: f64, f32 and small i64.
    values: Vec<f64>,
}

/// Reads the cases of `fixtures/<name>.safetensors`.
pub(crate) fn read(name: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{name}.safetensors"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (_, header) = SafeTensors::read_metadata(&bytes).expect("a fixture has a header");
    let cases = &header.metadata().as_ref().expect("a fixture describes its cases")["cases"];
    let records: Vec<Record> = serde_json::from_str(cases).expect("the description is a list of cases");
    let file = SafeTensors::deserialize(&bytes).expect("a fixture holds tensors");
    let mut parts = BTreeMap::<String, BTreeMap<String, Part>>::new();
    for (key, view) in file.iter() {
        let (case, part) = key.rsplit_once('/').expect("a tensor belongs to a case");
        let part_of = Part { dims: view.shape().to_vec(), values: decode(view.dtype(), view.data()) };
        parts.entry(case.to_string()).or_default().insert(part.to_string(), part_of);
    }
    let take =
        |record: Record| Case { parts: parts.remove(&record.name).expect("a case has tensors"), record };
    records.into_iter().map(take).collect()
}

fn decode(dtype: Dtype, bytes: &[u8]) -> Vec<f64> {
    match dtype {
        Dtype::F32 => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b).into()).collect(),
        Dtype::F64 => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        Dtype::I64 => bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f64).collect(),
        other => panic!("no fixture holds {other:?}"),
    }
}

impl Case {
    /// Returns a stored tensor in the axis order of the engine.
    pub(crate) fn tensor<E: Element>(&self, part: &str) -> Tensor<E> {
        let stored = self.part(part);
        let values: Vec<E> = stored.values.iter().map(|&v| E::of(v)).collect();
        let tensor = Tensor::from_slice(Shape::new(&stored.dims), &values);
        let variable = part.trim_start_matches("grad.").trim_start_matches("cotangent.");
        let variable = variable.split('.').next().unwrap_or(variable);
        self.record.layouts.get(variable).map_or_else(|| tensor.clone(), |layout| layout.to_engine(&tensor))
    }

    /// Returns a stored tensor of row indices as numbers.
    pub(crate) fn indices(&self, part: &str) -> Vec<usize> {
        self.part(part).values.iter().map(|&v| v as usize).collect()
    }

    fn part(&self, part: &str) -> &Part {
        self.parts.get(part).unwrap_or_else(|| panic!("{} has no {part}", self.record.name))
    }

    /// Returns an attribute of the operation.
    pub(crate) fn attr<T: for<'a> Deserialize<'a>>(&self, name: &str) -> T {
        let value = &self.record.attrs[name];
        T::deserialize(value)
            .unwrap_or_else(|error| panic!("{}: attribute {name} is {value}: {error}", self.record.name))
    }
}
