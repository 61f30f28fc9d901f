//! Where the demo is shown: on the screen of a terminal, or elsewhere in lines, one for each event.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::ensemble::Ensemble;
use super::screen;
use crate::answer::Answer;
use crate::terminal::{self, Terminal};

pub enum Output {
    Screen(Terminal),
    Lines(Answer),
}

impl Output {
    pub fn open() -> io::Result<Output> {
        Ok(if terminal::is_there() { Output::Screen(Terminal::open()?) } else { Output::Lines(Answer::new(false)) })
    }

    /// What a screen has at its head: for lines, before the first event. `directory` is where the servers are.
    pub fn introduce(&mut self, ensemble: &Ensemble, directory: &Path) -> io::Result<()> {
        let Output::Lines(answer) = self else { return Ok(()) };
        let count = ensemble.servers().len();
        answer.line(format_args!("{count} servers in {}", directory.display()))?;
        answer.line(format_args!("connect with: zkCli.sh -server {}", ensemble.connect_string()))?;
        answer.line(format_args!("orders, one a line: {}", screen::keys(count)))?;
        answer.finish()
    }

    /// Shows what there is new, or the state on a screen.
    pub fn show(&mut self, ensemble: &mut Ensemble, directory: &Path, now: Duration) -> io::Result<()> {
        match self {
            Output::Screen(terminal) => {
                let lines = screen::lines(ensemble, &directory.display().to_string(), now, terminal.size()?);
                terminal.show(lines)
            }
            Output::Lines(answer) => {
                for event in ensemble.take_news() {
                    answer.line(format_args!("{}", screen::event(&event)))?;
                }
                answer.finish()
            }
        }
    }

    /// The terminal has another size.
    pub fn resize(&mut self) -> io::Result<()> {
        match self {
            Output::Screen(terminal) => terminal.forget(),
            Output::Lines(_) => Ok(()),
        }
    }

    /// `false` once nobody reads it any more.
    pub fn is_read(&self) -> bool {
        match self {
            Output::Screen(_) => true,
            Output::Lines(answer) => answer.is_read(),
        }
    }
}
