//! A script: groups of commands, each with what comes of it.
//!
//! ```text
//! # a comment
//! command
//! command
//! ----
//! what was put out
//! what every server is then
//! ```
//!
//! An empty line ends what is expected of a group.

use std::fmt::Write;

use crate::commands;
use crate::ensemble::Ensemble;

/// The script as it comes out.
pub fn run(text: &str) -> Result<String, String> {
    let (mut ensemble, mut came) = (Ensemble::default(), String::new());
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        writeln!(came, "{line}").expect("a String takes everything");
        match line.trim() {
            "----" => {
                let wanted = lines.by_ref().map(|(_, line)| line).take_while(|line| !line.trim().is_empty());
                wanted.for_each(drop);
                writeln!(came, "{}", ensemble.report()).expect("a String takes everything");
            }
            command if command.is_empty() || command.starts_with('#') => {}
            command => {
                let done = commands::execute(command, &mut ensemble);
                done.map_err(|what| format!("line {}: {what}: {command:?}", number + 1))?;
            }
        }
    }
    Ok(came)
}
