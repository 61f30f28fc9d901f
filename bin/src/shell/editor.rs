//! The line that a person types: it can be edited and completed, and earlier ones come back, also those of another day.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, ExternalPrinter, Helper};

use super::completion::{self, Wanted};
use super::output::Voice;
use crate::client::handle::Client;

/// Lines that are remembered.
const HISTORY_MAX: usize = 1000;
/// Where they are kept, if nothing else is said.
const HISTORY_FILE: &str = ".paddock_shell_history";
const HISTORY_VARIABLE: &str = "PADDOCK_SHELL_HISTORY";
/// What begins so has a password in it, and is remembered nowhere.
const SECRET: &str = "addauth";
/// A person who presses Tab waits no longer for a server.
const PATIENCE: Duration = Duration::from_secs(1);

/// The client of the moment: `connect` puts another one in its place.
pub type Current = Arc<Mutex<Client>>;

pub enum Typed {
    Line(String),
    /// Ctrl-C: this line is not meant.
    Dropped,
    /// Ctrl-D, or a terminal that has gone.
    End,
}

pub struct Editor {
    editor: rustyline::Editor<Completion, DefaultHistory>,
    history: Option<PathBuf>,
}

impl Editor {
    pub fn open(current: Current) -> rustyline::Result<Editor> {
        let config = Config::builder().max_history_size(HISTORY_MAX)?.completion_type(CompletionType::List).build();
        let mut editor = rustyline::Editor::with_config(config)?;
        editor.set_helper(Some(Completion { current }));
        let history = history_file();
        if let Some(file) = &history {
            // There may be none yet; and without one it is remembered until the end.
            drop(editor.load_history(file));
        }
        Ok(Editor { editor, history })
    }

    /// Shows events above the line that is being typed.
    pub fn voice(&mut self) -> rustyline::Result<Voice> {
        let mut printer = self.editor.create_external_printer()?;
        // Where a terminal has gone, the end comes with the next line.
        Ok(Box::new(move |text: String| drop(printer.print(text))))
    }

    pub fn line(&mut self, prompt: &str) -> rustyline::Result<Typed> {
        match self.editor.readline(prompt) {
            Ok(line) => {
                self.remember(&line);
                Ok(Typed::Line(line))
            }
            Err(ReadlineError::Interrupted) => Ok(Typed::Dropped),
            Err(ReadlineError::Eof) => Ok(Typed::End),
            Err(error) => Err(error),
        }
    }

    fn remember(&mut self, line: &str) {
        if line.trim().is_empty() || is_secret(line) {
            return;
        }
        // What cannot be remembered is forgotten.
        drop(self.editor.add_history_entry(line));
        if let Some(file) = &self.history {
            drop(self.editor.append_history(file));
        }
    }
}

/// Also where the command stands in quotation marks.
fn is_secret(line: &str) -> bool {
    line.trim_start_matches(|first: char| first.is_whitespace() || matches!(first, '"' | '\'')).starts_with(SECRET)
}

fn history_file() -> Option<PathBuf> {
    let named = std::env::var_os(HISTORY_VARIABLE).map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(HISTORY_FILE)))
}

struct Completion {
    current: Current,
}

impl Completer for Completion {
    type Candidate = String;

    fn complete(&self, line: &str, cursor: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let (begin, wanted) = completion::wanted(line, cursor);
        let fitting = match wanted {
            Wanted::Command(word) => completion::commands(word),
            Wanted::Path { parent, name } => {
                // Nothing that holds it can leave it half changed.
                let client = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let children = client.children_within(parent, PATIENCE).unwrap_or_default();
                completion::paths(parent, name, children)
            }
            Wanted::Nothing => Vec::new(),
        };
        Ok((begin, fitting))
    }
}

impl Hinter for Completion {
    type Hint = String;
}

impl Highlighter for Completion {}

impl Validator for Completion {}

impl Helper for Completion {}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn passwords_are_remembered_nowhere() {
        for line in
            ["addauth digest me:pw", "  addauth digest me:pw", "\"addauth\" digest me:pw", " \"addauth digest me:pw"]
        {
            assert!(is_secret(line), "{line}");
        }
        assert!(!is_secret("get /addauth"));
    }
}
