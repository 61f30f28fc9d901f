//! Writes what a package has of the command line: `cargo run --package paddock --example manual -- DIR` makes pages of the manual in
//! DIR/man and completions of shells in DIR/completions.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap_complete::Shell;

const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

fn main() -> io::Result<()> {
    let into = std::env::args_os().nth(1).map(PathBuf::from);
    let into = into.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a directory is expected"))?;
    let (pages, completions) = (into.join("man"), into.join("completions"));
    fs::create_dir_all(&pages)?;
    fs::create_dir_all(&completions)?;
    clap_mangen::generate_to(paddock::command::definition(), &pages)?;
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut paddock::command::definition(), "paddock", &completions)?;
    }
    Ok(())
}
