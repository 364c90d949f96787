//! Modules: structs whose parameters and buffers can be visited by name.
//!
//! The trait [`Module`] only lists the parameters and buffers; each module has its own method for
//! the forward pass. A name consists of field names joined by dots as in PyTorch: `conv1.weight`,
//! `blocks.0.norm.running_mean`. A *buffer* is state that is saved but not trained, such as the
//! running statistics of batch norm. Every field of type [`Tensor`] is a buffer.

use crate::param::{Direction, Param};
use crate::state::{NamedTensors, StateError, match_names};
use adjoint_tensor::{Element, Tensor};

/// A parameter or buffer of a module.
pub enum Slot<'a, E: Element> {
    /// A parameter, which is trained.
    Param(&'a Param<E>),
    /// A buffer, which is saved but not trained.
    Buffer(&'a Tensor<E>),
}

impl<'a, E: Element> Slot<'a, E> {
    /// The value of the parameter or buffer.
    pub fn value(&self) -> &'a Tensor<E> {
        match self {
            Slot::Param(p) => p.value(),
            Slot::Buffer(b) => b,
        }
    }
}

/// A mutable parameter or buffer of a module.
pub enum SlotMut<'a, E: Element> {
    /// A parameter, which is trained.
    Param(&'a mut Param<E>),
    /// A buffer, which is saved but not trained.
    Buffer(&'a mut Tensor<E>),
    /// A buffer that a [`Scheme`](crate::Scheme) initialises randomly, like a parameter.
    Direction(&'a mut Direction<E>),
}

impl<'a, E: Element> SlotMut<'a, E> {
    /// The value of the parameter or buffer.
    pub fn into_value(self) -> &'a mut Tensor<E> {
        match self {
            SlotMut::Param(p) => p.value_mut(),
            SlotMut::Buffer(b) => b,
            SlotMut::Direction(d) => d.value_mut(),
        }
    }
}

/// A struct or an enum of parameters, buffers and other modules. [`module!`](crate::module!)
/// implements the two required methods.
pub trait Module<E: Element> {
    /// Calls `visitor` with the name and the slot of each parameter and buffer, in the order of the
    /// fields. Names start with `path`.
    fn visit<'a>(&'a self, path: &str, visitor: &mut dyn FnMut(&str, Slot<'a, E>));

    /// Like [`visit`](Self::visit), with mutable slots.
    fn visit_mut(&mut self, path: &str, visitor: &mut dyn FnMut(&str, SlotMut<'_, E>));

    /// Returns the names and the parameters.
    fn parameters(&self) -> Vec<(String, &Param<E>)> {
        let mut parameters = vec![];
        self.visit("", &mut |name, slot| {
            if let Slot::Param(p) = slot {
                parameters.push((name.to_owned(), p));
            }
        });
        parameters
    }

    /// Returns the number of trainable values: the sum of the sizes of all parameters.
    fn num_parameters(&self) -> usize {
        self.parameters().iter().map(|(_, p)| p.shape().len()).sum()
    }

    /// Returns the names and values of all parameters and buffers. The copies share memory with the
    /// module until one of the two is written to.
    fn state(&self) -> NamedTensors<E> {
        let mut state = vec![];
        self.visit("", &mut |name, slot| state.push((name.to_owned(), slot.value().clone())));
        state
    }

    /// Replaces all parameters and buffers by those of `state`; an error leaves the module
    /// unchanged.
    ///
    /// # Errors
    /// If a name is missing or unknown to this module, or a shape differs.
    fn load_state(&mut self, state: &[(String, Tensor<E>)]) -> Result<(), StateError> {
        let own = self.state();
        let mut values = match_names(&own, state)?.into_iter();
        self.visit_mut("", &mut |_, slot| {
            if let Some(value) = values.next() {
                *slot.into_value() = value.clone();
            }
        });
        Ok(())
    }
}

impl<E: Element> Module<E> for Param<E> {
    fn visit<'a>(&'a self, path: &str, visitor: &mut dyn FnMut(&str, Slot<'a, E>)) {
        visitor(path, Slot::Param(self));
    }

    fn visit_mut(&mut self, path: &str, visitor: &mut dyn FnMut(&str, SlotMut<'_, E>)) {
        visitor(path, SlotMut::Param(self));
    }
}

/// A field of type [`Tensor`] is a buffer.
impl<E: Element> Module<E> for Tensor<E> {
    fn visit<'a>(&'a self, path: &str, visitor: &mut dyn FnMut(&str, Slot<'a, E>)) {
        visitor(path, Slot::Buffer(self));
    }

    fn visit_mut(&mut self, path: &str, visitor: &mut dyn FnMut(&str, SlotMut<'_, E>)) {
        visitor(path, SlotMut::Buffer(self));
    }
}

impl<E: Element> Module<E> for Direction<E> {
    fn visit<'a>(&'a self, path: &str, visitor: &mut dyn FnMut(&str, Slot<'a, E>)) {
        visitor(path, Slot::Buffer(self.value()));
    }

    fn visit_mut(&mut self, path: &str, visitor: &mut dyn FnMut(&str, SlotMut<'_, E>)) {
        visitor(path, SlotMut::Direction(self));
    }
}

impl<E: Element, M: Module<E>> Module<E> for Option<M> {
    fn visit<'a>(&'a self, path: &str, visitor: &mut dyn FnMut(&str, Slot<'a, E>)) {
        if let Some(module) = self {
            module.visit(path, visitor);
        }
    }

    fn visit_mut(&mut self, path: &str, visitor: &mut dyn FnMut(&str, SlotMut<'_, E>)) {
        if let Some(module) = self {
            module.visit_mut(path, visitor);
        }
    }
}

/// A list of modules. The name of the module at index i is i.
impl<E: Element, M: Module<E>> Module<E> for Vec<M> {
    fn visit<'a>(&'a self, path: &str, visitor: &mut dyn FnMut(&str, Slot<'a, E>)) {
        for (i, module) in self.iter().enumerate() {
            module.visit(&join(path, &i.to_string()), visitor);
        }
    }

    fn visit_mut(&mut self, path: &str, visitor: &mut dyn FnMut(&str, SlotMut<'_, E>)) {
        for (i, module) in self.iter_mut().enumerate() {
            module.visit_mut(&join(path, &i.to_string()), visitor);
        }
    }
}

/// Returns `path.name`, or `name` if the path is empty.
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Implements [`Module`] for a struct or an enum generic over its [`Element`]:
/// `module!(Type { field, field })` lists the fields that are parameters, buffers or modules. Other
/// fields are not listed.
///
/// ```
/// use adjoint_nn::layers::{BatchNorm2d, Conv2d};
/// use adjoint_nn::{Element, Module, module};
///
/// struct Block<E: Element> {
///     conv: Conv2d<E>,
///     norm: Option<BatchNorm2d<E>>,
///     slope: f64,
/// }
/// module!(Block { conv, norm });
/// # let _: fn(&Block<f32>) -> f64 = |b| b.slope;
/// ```
///
/// A struct that is generic over the types of its modules lists the types:
/// `module!(Pair<A, B> { first, second })`.
///
/// An enum has the parameters and buffers of its current variant. Names do not contain the name of
/// the variant, so both variants of this enum have a parameter `out.weight`:
///
/// ```
/// use adjoint_nn::layers::{Conv2d, Linear};
/// use adjoint_nn::{Element, module};
///
/// enum Net<E: Element> {
///     Flat { hidden: Vec<Linear<E>>, out: Linear<E> },
///     Pyramid { blocks: Vec<Conv2d<E>>, out: Conv2d<E>, slope: f64 },
/// }
/// module!(enum Net { Flat { hidden, out }, Pyramid { blocks, out } });
/// ```
#[macro_export]
macro_rules! module {
    (enum $ty:ident { $($variant:ident { $($field:ident),+ $(,)? }),+ $(,)? }) => {
        $crate::module!(@ [] [$ty<E>] $($ty::$variant { $($field),+ })+);
    };
    ($ty:ident { $($field:ident),+ $(,)? }) => {
        $crate::module!(@ [] [$ty<E>] $ty { $($field),+ });
    };
    ($ty:ident<$($part:ident),+> { $($field:ident),+ $(,)? }) => {
        $crate::module!(@ [$($part: $crate::Module<E>),+] [$ty<$($part),+>] $ty { $($field),+ });
    };
    (@ [$($bounds:tt)*] [$ty:ty] $($pattern:path { $($field:ident),+ })+) => {
        impl<E: $crate::Element, $($bounds)*> $crate::Module<E> for $ty {
            fn visit<'a>(&'a self, path: &str, visitor: &mut dyn FnMut(&str, $crate::Slot<'a, E>)) {
                match self {
                    $($pattern { $($field,)+ .. } => {
                        $($crate::Module::<E>::visit(
                            $field, &$crate::module::join(path, stringify!($field)), visitor,
                        );)+
                    })+
                }
            }

            fn visit_mut(&mut self, path: &str, visitor: &mut dyn FnMut(&str, $crate::SlotMut<'_, E>)) {
                match self {
                    $($pattern { $($field,)+ .. } => {
                        $($crate::Module::<E>::visit_mut(
                            $field, &$crate::module::join(path, stringify!($field)), visitor,
                        );)+
                    })+
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scheme;
    use crate::layers::{BatchNorm1d, Linear};

    struct Block<E: Element> {
        linear: Linear<E>,
        norm: Option<BatchNorm1d<E>>,
    }
    module!(Block { linear, norm });

    struct Net<E: Element> {
        blocks: Vec<Block<E>>,
        temperature: Param<E>,
    }
    module!(Net { blocks, temperature });

    fn net() -> Net<f64> {
        let block = |inputs: usize, norm| Block { linear: Linear::new(inputs, 3), norm };
        let mut net = Net {
            blocks: vec![block(2, Some(BatchNorm1d::new(3))), block(3, None)],
            temperature: Param::new([1], crate::param::Role::Scale),
        };
        Scheme::pytorch().apply(&mut net, "net", 1);
        net
    }

    #[test]
    fn names_are_paths_of_fields() {
        let net = net();
        let names: Vec<_> = net.state().into_iter().map(|(name, _)| name).collect();
        let want = [
            "blocks.0.linear.weight",
            "blocks.0.linear.bias",
            "blocks.0.norm.weight",
            "blocks.0.norm.bias",
            "blocks.0.norm.running_mean",
            "blocks.0.norm.running_var",
            "blocks.1.linear.weight",
            "blocks.1.linear.bias",
            "temperature",
        ];
        assert_eq!(names, want);
        assert_eq!(net.parameters().len(), 7);
        assert_eq!(net.num_parameters(), 6 + 3 + 3 + 3 + 9 + 3 + 1);
    }

    enum Head<E: Element> {
        Deep { blocks: Vec<Block<E>>, temperature: Param<E> },
        Flat { linear: Linear<E>, slope: f64 },
    }
    module!(enum Head { Deep { blocks, temperature }, Flat { linear } });

    #[test]
    fn an_enum_owns_the_fields_of_its_variant() {
        let names = |head: &Head<f64>| head.state().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let mut flat = Head::Flat { linear: Linear::new(2, 3), slope: 0.2 };
        assert_eq!(names(&flat), ["linear.weight", "linear.bias"]);
        let mut visited = vec![];
        flat.visit_mut("head", &mut |name, slot| visited.push((name.to_owned(), slot.into_value().len())));
        assert_eq!(visited, [("head.linear.weight".to_owned(), 6), ("head.linear.bias".to_owned(), 3)]);
        assert!(matches!(flat, Head::Flat { slope, .. } if slope == 0.2));
        let Net { blocks, temperature } = net();
        let deep = Head::Deep { blocks, temperature };
        assert_eq!(names(&deep), net().state().into_iter().map(|(name, _)| name).collect::<Vec<_>>());
        let problem = flat.load_state(&deep.state()).unwrap_err().to_string();
        assert!(problem.starts_with("lacks `linear.weight`"), "{problem}");
    }

    #[test]
    fn a_state_is_taken_over_whatever_its_order() {
        let (mut from, mut to) = (net(), net());
        from.visit_mut("", &mut |_, slot| {
            let value = slot.into_value();
            *value = value.map(|x| x + 1.0);
        });
        let mut state = from.state();
        state.reverse();
        to.load_state(&state).unwrap();
        for ((_, a), (_, b)) in from.state().iter().zip(&to.state()) {
            assert_eq!(a.data(), b.data());
        }
    }

    #[test]
    fn a_state_that_does_not_fit_changes_nothing_and_is_explained() {
        let mut net = net();
        let before = net.state();
        let mut state: NamedTensors<f64> = net.state().into_iter().map(|(n, t)| (n, t.map(|x| -x))).collect();
        state[1].1 = Tensor::zeros([4]);
        state[2].0 = "blocks.0.norm.gamma".into();
        state.push(state[0].clone());
        let error = net.load_state(&state).unwrap_err().to_string();
        let want = "lacks `blocks.0.norm.weight`; \
                    has the unexpected `blocks.0.linear.weight`, `blocks.0.norm.gamma`; \
                    `blocks.0.linear.bias` is [4] where [3] is expected";
        assert_eq!(error, want);
        for ((_, a), (_, b)) in before.iter().zip(&net.state()) {
            assert_eq!(a.data(), b.data());
        }
    }
}
