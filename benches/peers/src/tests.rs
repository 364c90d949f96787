//! Tests that both libraries compute the same results, and that the results are correct.

use crate::case::Operation;
use crate::{burn, candle, check, measure};
use adjoint_benches::numbers;

const LIBRARIES: [fn(&Operation) -> Option<crate::Run>; 2] = [candle::run, burn::run];

fn values(library: usize, case: &str) -> Vec<f32> {
    let operation = Operation::of(case).expect("there is such a bench");
    let output = LIBRARIES[library](&operation).expect("both libraries have it")();
    check(output.as_ref(), &operation);
    output.values()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

#[test]
fn both_libraries_compute_the_same() {
    for case in [
        "gemm/50x784x400",
        "pointwise/leaky_relu",
        "pointwise/tanh",
        "pointwise/add bias",
        "pointwise/mul",
        "pointwise/sum to channels",
        "conv2d/32-64@14 batch 64/forward",
        "conv2d/32-64@14 batch 64/input_grad",
        "conv_transpose2d/100-512/forward",
    ] {
        let (a, b) = (values(0, case), values(1, case));
        let size = dot(&a, &a).sqrt();
        let difference: Vec<_> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
        assert!(dot(&difference, &difference).sqrt() < 1e-4 * size, "{case}");
    }
}

/// Checks that the gradients are adjoint to the convolution. Let <a, b> be the sum of the products
/// of all entries. Then <conv(x), y> = <x, conv_transpose(y)> = <w, weight gradient(x, y)>.
#[test]
fn gradients_are_those_of_the_convolution() {
    for layer in ["conv2d/64-128@7 batch 64", "conv2d/512-1", "conv2d/5x5 64-128@14", "conv2d/3x3 64-64@32"] {
        for library in 0..LIBRARIES.len() {
            let Some(Operation::Conv2d(c)) = Operation::of(&format!("{layer}/forward")) else {
                panic!("{layer}/forward is a convolution");
            };
            let [x, w, y] = [(c.x, 0.0), (c.w, 0.1), (c.y, 0.2)]
                .map(|(shape, salt)| numbers(shape.iter().product(), salt).as_slice().to_vec());
            let forward = values(library, &format!("{layer}/forward"));
            let scale = (dot(&forward, &forward) * dot(&y, &y)).sqrt();
            let (value, by_input) =
                (dot(&forward, &y), dot(&values(library, &format!("{layer}/input_grad")), &x));
            assert!((value - by_input).abs() < 1e-5 * scale, "{layer}: {value} {by_input}");
            if library == 1 {
                let by_weight = dot(&values(library, &format!("{layer}/weight_grad")), &w);
                assert!((value - by_weight).abs() < 1e-5 * scale, "{layer}: {value} {by_weight}");
            }
        }
    }
}

#[test]
fn unsupported_sets_are_none_and_unknown_names_an_error() {
    let ask = |arguments: &[&str]| measure(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>());
    for case in [
        "batch_norm/forward",
        "adam/step",
        "linear/784-400/forward",
        "step/mlp-gan batch 128",
        "conv2d/64-128/weight_grad",
    ] {
        assert_eq!(ask(&["candle", case]), Ok(None), "{case}");
    }
    for case in [
        "",
        "gemm",
        "gemm/0x1x1",
        "gemm/99999999999999999999x1x1",
        "gemm/1x1",
        "conv2d/64-128",
        "conv2d/512-256/forward",
        "conv2d/64-128/backward",
        "pointwise/sinh",
    ] {
        assert!(ask(&["burn", case]).is_err(), "{case}");
    }
    assert!(ask(&["torch", "gemm/256x256x256"]).is_err() && ask(&["burn"]).is_err() && ask(&[]).is_err());
}
