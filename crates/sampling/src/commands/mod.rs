//! What can be done with a model: a file for each kind of picture.

pub(crate) mod arithmetic;
pub(crate) mod export;
pub(crate) mod features;
pub(crate) mod grids;
pub(crate) mod neighbours;
pub(crate) mod walks;
