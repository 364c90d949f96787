//! Exported weights are what PyTorch expects, and come back the same.

use std::fs;

use adjoint_tensor::Tensor;
use adjoint_train::{NamedTensors, weights};

fn network() -> NamedTensors {
    // Value and place say the same: 1000 kh + 100 kw + 10 in + out.
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
fn another_network_is_refused_in_engine_terms() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("generator.safetensors");
    weights::export(&path, Some(3), &network()).unwrap();
    let mut wider = network();
    wider[0].1 = Tensor::zeros([2, 3, 4, 6]);
    let error = weights::import(&path, &wider).unwrap_err().to_string();
    assert!(error.contains("generator.safetensors: does not fit this model: `1.weight` is "), "{error}");
    assert!(error.ends_with("`1.weight` is [2, 3, 4, 5] where [2, 3, 4, 6] is expected"), "{error}");
    let error = weights::import(&dir.path().join("none"), &wider).unwrap_err().to_string();
    assert!(error.starts_with("cannot open "), "{error}");
}
