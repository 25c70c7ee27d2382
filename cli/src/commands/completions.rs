//! `ocelli completions`: the script a shell needs to complete this program's arguments.

use crate::failure::Failure;
use crate::output::Out;
use clap_complete::Shell;

const AFTER: &str = "\
EXAMPLES
  ocelli completions bash > ~/.local/share/bash-completion/completions/ocelli
  ocelli completions zsh > ~/.zfunc/_ocelli
  ocelli completions fish > ~/.config/fish/completions/ocelli.fish";

/// Print shell completions
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// The shell
    shell: Shell,
}

pub fn run(args: &Args, mut command: clap::Command) -> Result<(), Failure> {
    // Into memory first: the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "ocelli", &mut script);
    let mut out = Out::new();
    out.text(&String::from_utf8_lossy(&script))?;
    out.flush()
}
