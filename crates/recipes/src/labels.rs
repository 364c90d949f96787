//! Class labels as one-hot rows, the input of conditional networks.

use adjoint_data::Dataset;
use adjoint_nn::Tensor;

/// Returns one-hot rows (N, classes): each row is 1 in the column of its label and 0 elsewhere.
///
/// # Panics
/// If a label is not below `classes`.
#[track_caller]
pub fn one_hot(labels: &[usize], classes: usize) -> Tensor<f32> {
    Tensor::build([labels.len(), classes], |rows| {
        rows.fill(0.0);
        for (row, &label) in rows.chunks_exact_mut(classes.max(1)).zip(labels) {
            assert!(label < classes, "class {label} of {classes}");
            row[label] = 1.0;
        }
    })
}

/// Returns the classes of the images at these indices of a set, as [`one_hot`] rows.
pub fn of_images(set: &Dataset, indices: &[usize]) -> Tensor<f32> {
    let labels: Vec<usize> = indices.iter().map(|&i| usize::from(set.labels()[i])).collect();
    one_hot(&labels, set.classes().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_one_one() {
        let rows = one_hot(&[2, 0], 3);
        assert_eq!((rows.dims(), rows.data()), (&[2, 3][..], &[0.0, 0.0, 1.0, 1.0, 0.0, 0.0][..]));
    }

    #[test]
    #[should_panic(expected = "class 3 of 3")]
    fn a_label_is_a_class() {
        one_hot(&[3], 3);
    }
}
