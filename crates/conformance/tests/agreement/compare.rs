//! How far two results are apart.

use adjoint_tensor::{Element, Tensor};

/// max |a - b| / rms(b): an error at one entry is not averaged away, and an entry that is small by cancellation is
/// measured against its neighbours. Infinite if the shapes differ or ours is not a number; where theirs is 0
/// throughout, ours must be too.
pub(crate) fn relative_error<E: Element>(ours: &Tensor<E>, theirs: &Tensor<E>) -> f64 {
    if ours.shape() != theirs.shape() {
        return f64::INFINITY;
    }
    let pairs = || ours.data().iter().zip(theirs.data()).map(|(a, b)| (a.f64(), b.f64()));
    let worst = pairs().map(|(a, b)| difference(a, b)).fold(0.0, f64::max);
    let rms = (pairs().map(|(_, b)| b * b).sum::<f64>() / ours.len().max(1) as f64).sqrt();
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
