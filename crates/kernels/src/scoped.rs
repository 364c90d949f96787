//! Settings of a thread that hold while a function runs.

use std::cell::Cell;
use std::thread::LocalKey;

/// Runs `f` with a value in `cell` on this thread, then restores the previous value, even if `f`
/// panics.
pub fn with_value<T: Copy + 'static, R>(
    cell: &'static LocalKey<Cell<T>>,
    value: T,
    f: impl FnOnce() -> R,
) -> R {
    struct Restore<T: Copy + 'static>(&'static LocalKey<Cell<T>>, T);
    impl<T: Copy> Drop for Restore<T> {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let _restore = Restore(cell, cell.replace(value));
    f()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    thread_local! {
        static LEVEL: Cell<u8> = const { Cell::new(0) };
    }

    #[test]
    fn the_value_before_returns_even_after_a_panic() {
        with_value(&LEVEL, 1, || {
            assert_eq!(LEVEL.get(), 1);
            let caught = catch_unwind(|| {
                with_value(&LEVEL, 2, || {
                    assert_eq!(LEVEL.get(), 2);
                    panic!("a panic that this test makes")
                })
            });
            assert!(caught.is_err());
            assert_eq!(LEVEL.get(), 1);
        });
        assert_eq!(LEVEL.get(), 0);
    }
}
