//! The server with the game that is here, and nothing beside it.

use game::Extensions;
use std::process::ExitCode;

fn main() -> ExitCode {
    throng::program::run(Extensions::none())
}
