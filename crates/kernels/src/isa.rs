//! The instruction set of the kernels. It is chosen once: the best set of the processor, or the set
//! that the user chose.
//!
//! The choice affects the speed and, in the last bits, the rounding of results. It never depends on
//! the number of threads. A kernel reads the choice once at its start and passes it to its tasks.

use crate::scoped::with_value;
use std::cell::Cell;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// An instruction set for which kernels are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// Plain Rust, and `matrixmultiply`, which chooses its own instructions. Runs on any processor.
    Portable,
    /// x86-64 with AVX2 and FMA: 16 registers of 8 floats.
    Avx2,
    /// x86-64 with AVX-512F: 32 registers of 16 floats.
    Avx512,
}

impl Isa {
    /// All instruction sets, slowest first.
    pub const ALL: [Isa; 3] = [Isa::Portable, Isa::Avx2, Isa::Avx512];

    /// Returns whether this processor supports the set.
    pub fn supported(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        match self {
            Isa::Portable => true,
            Isa::Avx2 => crate::simd::Avx2::detect().is_some(),
            Isa::Avx512 => crate::simd::Avx512::detect().is_some(),
        }
        #[cfg(not(target_arch = "x86_64"))]
        return self == Isa::Portable;
    }

    /// Returns the fastest set that this processor supports.
    pub fn best() -> Isa {
        Isa::ALL.into_iter().rev().find(|isa| isa.supported()).unwrap_or(Isa::Portable)
    }

    /// Returns the instruction set that a kernel would use if this thread called it now. It is the
    /// set given to [`with`], otherwise the set given to [`set`], otherwise [`best`](Self::best).
    pub fn active() -> Isa {
        scoped().unwrap_or_else(|| *CHOICE.get_or_init(Isa::best))
    }

    /// Returns the name that the command line uses for the set.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Isa {
    type Err = IsaError;

    fn from_str(name: &str) -> Result<Self, IsaError> {
        Isa::ALL
            .into_iter()
            .find(|isa| isa.name() == name)
            .ok_or_else(|| IsaError(format!("'{name}' is none of portable, avx2 and avx512")))
    }
}

/// The error for an instruction set that is unknown, not supported by this processor, or set too
/// late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsaError(String);

impl fmt::Display for IsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instruction set: {}", self.0)
    }
}

impl std::error::Error for IsaError {}

static CHOICE: OnceLock<Isa> = OnceLock::new();

thread_local! {
    static SCOPED: Cell<Option<Isa>> = const { Cell::new(None) };
}

/// Sets the instruction set of this process. Call this function before any kernel, so that no
/// result mixes two sets.
///
/// # Errors
/// If the processor does not support the set, or another set is already in use.
pub fn set(isa: Isa) -> Result<(), IsaError> {
    if !isa.supported() {
        return Err(IsaError(format!(
            "this processor does not support {isa}, but it supports {}",
            Isa::best()
        )));
    }
    match *CHOICE.get_or_init(|| isa) {
        chosen if chosen == isa => Ok(()),
        chosen => Err(IsaError(format!("cannot set {isa}, because {chosen} is already in use"))),
    }
}

/// Runs `f` with kernels that use `isa`, for tests and benches that compare sets.
///
/// # Panics
/// If the processor does not support the set.
#[track_caller]
pub fn with<R>(isa: Isa, f: impl FnOnce() -> R) -> R {
    assert!(isa.supported(), "this processor does not support {isa}");
    scope(Some(isa), f)
}

/// Returns the instruction set that [`with`] chose for this thread, if any.
pub(crate) fn scoped() -> Option<Isa> {
    SCOPED.get()
}

/// Runs `f` with `isa` on this thread, then restores the previous set, even if `f` panics.
pub(crate) fn scope<R>(isa: Option<Isa>, f: impl FnOnce() -> R) -> R {
    with_value(&SCOPED, isa, f)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads;

    #[test]
    fn names_round_trip_and_unknown_ones_are_rejected() {
        for isa in Isa::ALL {
            assert_eq!(isa.to_string().parse(), Ok(isa));
        }
        let error = "sse9".parse::<Isa>().unwrap_err().to_string();
        assert_eq!(error, "instruction set: 'sse9' is none of portable, avx2 and avx512");
    }

    #[test]
    fn the_best_is_supported_and_a_scope_ends() {
        assert!(Isa::best().supported() && Isa::Portable.supported());
        let outside = Isa::active();
        with(Isa::Portable, || {
            assert_eq!(Isa::active(), Isa::Portable);
            assert_eq!(threads::with(2, Isa::active), Isa::Portable, "a pool inherits the scope");
        });
        assert_eq!(Isa::active(), outside);
    }
}
