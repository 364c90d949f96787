//! Enumerated settings, whose values are written by name on a command line, in files and in errors.

/// A setting whose values have names. [`named!`](crate::named!) implements it.
pub trait Named: Copy + PartialEq + Send + Sync + 'static {
    /// All values.
    const ALL: &'static [Self];

    /// The name of this value, for example "least-squares".
    fn name(self) -> &'static str;

    /// A short description of this value for `--help`.
    fn about(self) -> &'static str;

    /// Returns the value called `name`.
    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.name() == name)
    }
}

/// Implements [`Named`](crate::Named) and `Display` for an enum without fields. Each value has a
/// name and a description: `named!(Norm { None = "none": "no norm", ... })`.
#[macro_export]
macro_rules! named {
    ($type:ident { $($value:ident = $name:literal: $about:literal),+ $(,)? }) => {
        impl $crate::Named for $type {
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name),+
                }
            }

            fn about(self) -> &'static str {
                match self {
                    $(Self::$value => $about),+
                }
            }
        }

        impl ::std::fmt::Display for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad($crate::Named::name(*self))
            }
        }
    };
}
