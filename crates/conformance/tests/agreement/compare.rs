//! How far two results are apart.

use adjoint_tensor::{Element, Tensor};

/// max |a - b| / rms(b): an error at one entry is not averaged away, and an entry that is small by
/// cancellation is measured against its neighbours. Infinite if the shapes differ or an entry of a
/// is not a number; where b is 0 throughout, a must be too.
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
