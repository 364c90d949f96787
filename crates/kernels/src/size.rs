//! Sizes of arrays, checked against overflow.

/// The size in bytes of the largest array. Allocations and pointer offsets cannot be larger.
pub(crate) const MAX_BYTES: usize = isize::MAX as usize;

/// Returns the number of elements of an array of this shape, or `None` if memory cannot address
/// them.
///
/// An array of `f64` with this shape must have at most `isize::MAX` bytes. For this check, a size
/// of 0 counts as 1. So the product of some of the sizes, such as a stride, does not overflow
/// either.
pub fn checked_len(shape: &[usize]) -> Option<usize> {
    let extent = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size.max(1)))?;
    let len = if shape.contains(&0) { 0 } else { extent };
    (extent <= MAX_BYTES / size_of::<f64>()).then_some(len)
}

/// Returns the number of elements of an array of this shape.
///
/// # Panics
/// If memory cannot address the elements.
#[track_caller]
pub fn len(shape: &[usize]) -> usize {
    let Some(len) = checked_len(shape) else {
        panic!("an array of shape {shape:?} has more elements than memory can address")
    };
    len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_exact_or_rejected() {
        assert_eq!(checked_len(&[]), Some(1));
        assert_eq!(checked_len(&[2, 3, 4]), Some(24));
        assert_eq!(checked_len(&[1 << 30, 1 << 29]), Some(1 << 59));
        assert_eq!(checked_len(&[7, 0, 1 << 40]), Some(0));
        let most = MAX_BYTES / size_of::<f64>();
        assert_eq!(checked_len(&[most]), Some(most));
        for shape in [&[most + 1][..], &[1 << 32, 1 << 32], &[0, 1 << 32, 1 << 32], &[usize::MAX, 2]] {
            assert_eq!(checked_len(shape), None, "{shape:?}");
        }
    }
}
