//! The relative error of a result of the engine.

use adjoint_tensor::{Element, Tensor};

/// Returns max |a - b| / rms(b), the error of `a` with respect to the true `b`. The maximum detects
/// an error in a single entry. An entry of b may be small due to cancellation. Dividing by the rms
/// compares its error with the size of the other entries. The result is infinite if the shapes
/// differ or if an entry of a is not a number. If all entries of b are 0, all entries of a must be
/// 0.
pub(crate) fn relative_error<E: Element>(a: &Tensor<E>, b: &Tensor<f64>) -> f64 {
    if a.shape() != b.shape() {
        return f64::INFINITY;
    }
    let worst = a.data().iter().zip(b.data()).map(|(a, b)| difference(a.f64(), *b)).fold(0.0, f64::max);
    let rms = (b.sum_of_squares() / b.len().max(1) as f64).sqrt();
    worst / rms.max(f64::MIN_POSITIVE)
}

fn difference(a: f64, b: f64) -> f64 {
    if a.is_nan() { f64::INFINITY } else { (a - b).abs() }
}

#[test]
fn one_wrong_entry_shows() {
    let theirs = Tensor::<f64>::from_slice([4], &[3.0, -3.0, 3.0, -3.0]);
    assert_eq!(relative_error(&theirs, &theirs), 0.0);
    let ours = Tensor::from_slice([4], &[3.0, -3.0, 3.0, -3.003]);
    assert!((relative_error(&ours, &theirs) - 1e-3).abs() < 1e-12);
    let nan = Tensor::from_slice([4], &[f64::NAN, -3.0, 3.0, -3.0]);
    assert_eq!(relative_error(&nan, &theirs), f64::INFINITY);
    let zero = Tensor::full([4], 0.0);
    assert_eq!(relative_error(&zero, &zero), 0.0);
    assert!(relative_error(&theirs, &zero) > 1.0);
    assert_eq!(relative_error(&theirs, &theirs.reshape([2, 2])), f64::INFINITY);
}
