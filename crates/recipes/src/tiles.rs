use adjoint_nn::Tensor;

/// Images below one another, as tiles of a grid with this number of columns: the first `columns` of
/// each of the series (N, H, W, C) in rows of their own, then the next. What is left free in a last
/// row is white.
///
/// # Panics
/// If there are no series, or they differ in shape.
#[track_caller]
pub fn below(series: &[&Tensor<f32>], columns: usize) -> Tensor<f32> {
    let n = series[0].dims()[0];
    let mut rows = vec![];
    for start in (0..n).step_by(columns) {
        let there = columns.min(n - start);
        for images in series {
            rows.push(images.narrow(0, start, there));
            if there < columns && n > columns {
                let shape = images.shape().with(0, columns - there);
                rows.push(Tensor::full(shape, 1.0));
            }
        }
    }
    Tensor::concat(&rows.iter().collect::<Vec<_>>(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_stay_below_one_another() {
        let a = Tensor::from_slice([3, 1, 1, 1], &[1.0, 2.0, 3.0]);
        let b = a.map(|x| 10.0 * x);
        assert_eq!(below(&[&a, &b], 2).data(), [1.0, 2.0, 10.0, 20.0, 3.0, 1.0, 30.0, 1.0]);
        assert_eq!(below(&[&a, &b], 4).data(), [1.0, 2.0, 3.0, 10.0, 20.0, 30.0]);
    }
}
