//! Casts: from the command to what comes of it.

mod casting;

pub(crate) use casting::Casting;
