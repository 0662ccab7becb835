//! What `measure` measures with, for other programs that want to be measured the same way.

pub mod echo;
pub mod stand_ins;
