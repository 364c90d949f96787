//! The commands, one file each.

pub(crate) mod arithmetic;
pub(crate) mod decode;
pub(crate) mod export;
pub(crate) mod features;
pub(crate) mod grids;
pub(crate) mod neighbours;
pub(crate) mod walks;
