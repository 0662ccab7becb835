//! What is done to a data directory that no server uses: looked through, made of a backup, handed over to MariaDB;
//! and what is done when one is lost.

mod forget;
mod import;
mod restore;
mod verify;

pub use forget::{ForgetError, forget};
pub use import::{ImportError, Imported, import};
pub use restore::{RestoreError, Restored, restore};
pub use verify::{set_aside_unreadable, table, verify};

use crate::edge::persistence::journal::HOLDER_FILE;
use std::path::Path;

/// Whoever finds the directory in use is told by whom.
fn sign(data_dir: &Path) {
    // Without it he is told all the same, only not the number.
    let _ = std::fs::write(data_dir.join(HOLDER_FILE), std::process::id().to_string());
}

#[cfg(test)]
mod tests;
