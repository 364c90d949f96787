//! Settings that are one of a few names: on a command line, in a file, in an error.

/// A setting whose values have names. [`named!`](crate::named!) implements it.
pub trait Named: Copy + PartialEq + Send + Sync + 'static {
    /// All values.
    const ALL: &'static [Self];

    /// The name of a value: "least-squares".
    fn name(self) -> &'static str;

    /// A few words on a value, for `--help`.
    fn about(self) -> &'static str;

    /// The value of this name.
    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.name() == name)
    }
}

/// Names the values of an enum without fields: `named!(Norm { None = "none": "no norm", ... })`.
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
