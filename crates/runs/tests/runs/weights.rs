//! Exported weights have the format that PyTorch expects, and are imported unchanged.

use std::fs;

use adjoint_runs::{NamedTensors, weights};
use adjoint_tensor::{Shape, Tensor};

fn network() -> NamedTensors {
    // Each value encodes its position: 1000 kh + 100 kw + 10 in + out.
    let hwio = Tensor::build([2, 3, 4, 5], |values: &mut [f32]| {
        for (i, value) in values.iter_mut().enumerate() {
            *value = (1000 * (i / 60) + 100 * (i / 20 % 3) + 10 * (i / 5 % 4) + i % 5) as f32;
        }
    });
    let linear = Tensor::from_slice([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    vec![("1.weight".into(), hwio), ("0.weight".into(), linear), ("0.bias".into(), Tensor::full([2], 0.5))]
}

#[test]
fn convolutions_are_exported_as_out_in_height_width() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("generator.safetensors");
    weights::export(&path, Some(3), &network()).unwrap();
    let bytes = fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor("1.weight").unwrap();
    assert_eq!(view.shape(), [5, 4, 2, 3]);
    for (i, bytes) in view.data().as_chunks().0.iter().enumerate() {
        let (out, input, kh, kw) = (i / 24, i / 6 % 4, i / 3 % 2, i % 3);
        assert_eq!(f32::from_le_bytes(*bytes), (1000 * kh + 100 * kw + 10 * input + out) as f32);
    }
    assert_eq!(file.tensor("0.weight").unwrap().shape(), [2, 3]);
}

#[test]
fn an_exported_network_is_imported_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("generator.safetensors");
    weights::export(&path, Some(3), &network()).unwrap();
    let blank: NamedTensors = network().into_iter().map(|(name, w)| (name, w.map(|_| 0.0))).collect();
    let found = weights::import(&path, &blank).unwrap();
    for ((name, imported), (expected_name, expected)) in found.weights.iter().zip(network()) {
        assert_eq!(
            (name, imported.dims(), imported.data()),
            (&expected_name, expected.dims(), expected.data())
        );
    }
    assert_eq!(found.step, Some(3));
    weights::export(&path, None, &network()).unwrap();
    assert_eq!(weights::import(&path, &blank).unwrap().step, None);
}

#[test]
fn the_bytes_depend_on_the_weights_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (dir.path().join("a.safetensors"), dir.path().join("b.safetensors"));
    weights::export(&one, None, &network()).unwrap();
    weights::export(&other, None, &network().into_iter().rev().collect::<Vec<_>>()).unwrap();
    assert_eq!(fs::read(one).unwrap(), fs::read(other).unwrap());
}

#[test]
fn another_network_is_rejected_in_terms_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("generator.safetensors");
    weights::export(&path, Some(3), &network()).unwrap();
    let mut wider = network();
    wider[0].1 = Tensor::zeros([2, 3, 4, 6]);
    let error = weights::import(&path, &wider).unwrap_err().to_string();
    assert!(error.contains("generator.safetensors: does not fit this model: `1.weight` is "), "{error}");
    assert!(error.ends_with("`1.weight` is [5, 4, 2, 3] where [6, 4, 2, 3] is expected"), "{error}");
    let error = weights::import(&dir.path().join("none"), &wider).unwrap_err().to_string();
    assert!(error.starts_with("cannot open "), "{error}");
}

/// Returns a safetensors file with this text as its header, followed by the values.
fn with_header(header: &str, values: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), values].concat()
}

/// Imports a file with these bytes as a network with the tensors `expected`.
fn import(bytes: &[u8], expected: &NamedTensors) -> Result<NamedTensors, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("foreign.safetensors");
    fs::write(&path, bytes).unwrap();
    weights::import(&path, expected).map(|found| found.weights).map_err(|error| error.to_string())
}

#[test]
fn numbers_of_other_types_are_converted() {
    fn bytes<const N: usize, T>(numbers: [T; 3], to_bytes: fn(T) -> [u8; N]) -> Vec<u8> {
        numbers.into_iter().flat_map(to_bytes).collect()
    }
    let expected: NamedTensors = vec![("t".into(), Tensor::zeros([3]))];
    for (dtype, values) in [
        ("F64", bytes([1.0, 2.0, 100.0], f64::to_le_bytes)),
        ("F32", bytes([1.0, 2.0, 100.0], f32::to_le_bytes)),
        ("F16", bytes([0x3c00, 0x4000, 0x5640], u16::to_le_bytes)),
        ("BF16", bytes([0x3f80, 0x4000, 0x42c8], u16::to_le_bytes)),
        ("I64", bytes([1, 2, 100], i64::to_le_bytes)),
        ("U64", bytes([1, 2, 100], u64::to_le_bytes)),
        ("I32", bytes([1, 2, 100], i32::to_le_bytes)),
        ("U32", bytes([1, 2, 100], u32::to_le_bytes)),
        ("I16", bytes([1, 2, 100], i16::to_le_bytes)),
        ("U16", bytes([1, 2, 100], u16::to_le_bytes)),
        ("I8", bytes([1, 2, 100], i8::to_le_bytes)),
        ("U8", bytes([1, 2, 100], u8::to_le_bytes)),
        ("BOOL", bytes([1, 2, 100], u8::to_le_bytes)),
    ] {
        let end = values.len();
        let header = format!(r#"{{"t":{{"dtype":"{dtype}","shape":[3],"data_offsets":[0,{end}]}}}}"#);
        let imported = import(&with_header(&header, &values), &expected).unwrap();
        assert_eq!(imported[0].1.data(), [1.0, 2.0, 100.0], "{dtype}");
    }
    for (dtype, values) in [("F64", (-0.1f64).to_le_bytes()), ("I64", (-(1i64 << 40) - 1).to_le_bytes())] {
        let header = format!(r#"{{"t":{{"dtype":"{dtype}","shape":[],"data_offsets":[0,8]}}}}"#);
        let expected: NamedTensors = vec![("t".into(), Tensor::zeros(Shape::SCALAR))];
        let imported = import(&with_header(&header, &values), &expected).unwrap();
        assert_eq!(imported[0].1.data(), [if dtype == "F64" { -0.1 } else { -(2f32.powi(40)) }], "{dtype}");
    }
}

/// The reference reader accepts all of these files.
#[test]
fn metadata_of_other_programs_are_no_damage() {
    let expected: NamedTensors = vec![("t".into(), Tensor::zeros([1]))];
    let tensor = r#""t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
    let zeros = "0".repeat(64);
    for metadata in [
        String::new(),
        r#""__metadata__":null,"#.into(),
        r#""__metadata__":{},"#.into(),
        r#""__metadata__":{"sha256":"of something else","format":"pt"},"#.into(),
        format!(r#""__metadata__":{{"sha256":"{zeros}","step":"many"}},"#),
    ] {
        let file = with_header(&format!("{{{metadata}{tensor}}}"), &1.5f32.to_le_bytes());
        safetensors::SafeTensors::deserialize(&file).unwrap();
        assert_eq!(import(&file, &expected).unwrap()[0].1.data(), [1.5], "{metadata}");
    }
}

/// The batch norm of PyTorch counts batches in a scalar of type I64.
#[test]
fn counts_of_batches_are_ignored_unless_expected() {
    let header = r#"{"bn.num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[0,8]},
        "bn.weight":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#;
    let file = with_header(header, &[&7i64.to_le_bytes()[..], &1.5f32.to_le_bytes()].concat());
    let mut expected: NamedTensors = vec![("bn.weight".into(), Tensor::zeros([1]))];
    assert_eq!(import(&file, &expected).unwrap().len(), 1);
    expected.push(("bn.num_batches_tracked".into(), Tensor::zeros(Shape::SCALAR)));
    assert_eq!(import(&file, &expected).unwrap()[1].1.data(), [7.0]);
}

#[test]
fn weights_that_are_not_finite_are_rejected() {
    let expected: NamedTensors = vec![("t".into(), Tensor::zeros([2]))];
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
        for dtype in ["F32", "F64"] {
            let values = match dtype {
                "F32" => [0.0, value as f32].map(f32::to_le_bytes).concat(),
                _ => [0.0, value].map(f64::to_le_bytes).concat(),
            };
            let end = values.len();
            let header = format!(r#"{{"t":{{"dtype":"{dtype}","shape":[2],"data_offsets":[0,{end}]}}}}"#);
            let error = import(&with_header(&header, &values), &expected).unwrap_err();
            assert!(error.contains("foreign.safetensors: `t` has weights that are not finite"), "{error}");
        }
    }
}
