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

/// Defines an enum without fields that implements [`Named`](crate::Named), `Display`, `Clone`,
/// `Copy`, `Debug`, `PartialEq` and `Eq`. Each value has a name and a description:
///
/// ```
/// use adjoint_tensor::{Named, named};
///
/// named! {
///     /// The normalisation of a layer.
///     #[derive(Default)]
///     pub enum Norm {
///         /// No normalisation.
///         #[default]
///         None = "none": "no normalisation",
///         /// Batch norm of the layer's outputs.
///         Batch = "batch": "batch norm of a layer's outputs",
///     }
/// }
/// assert_eq!(Norm::of_name("batch"), Some(Norm::Batch));
/// assert_eq!(Norm::default().to_string(), "none");
/// ```
#[macro_export]
macro_rules! named {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $type:ident {
            $($(#[$of_value:meta])* $value:ident = $name:literal: $about:literal),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visibility enum $type {
            $($(#[$of_value])* $value),+
        }

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
