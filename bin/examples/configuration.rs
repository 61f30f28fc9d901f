//! Writes the page of all settings to stdout, in Markdown: `cargo run --package paddock --example configuration`.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    io::stdout().write_all(paddock::config::configuration_page().as_bytes())
}
