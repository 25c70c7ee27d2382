//! The program `ocelli`; all of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ocelli_cli::main()
}
