//! The terminal: what is shown goes there, and keys come from there.

use std::io::{self, IsTerminal, Stdout, Write};
use std::time::Duration;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::style::{Attribute, Print, SetAttribute};
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use crossterm::{execute, queue};

/// How a line is to be seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weight {
    Normal,
    Bold,
    Dim,
    /// Light and dark are exchanged.
    Marked,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub text: String,
    pub weight: Weight,
}

impl Line {
    pub fn normal(text: String) -> Line {
        Line { text, weight: Weight::Normal }
    }

    pub fn bold(text: String) -> Line {
        Line { text, weight: Weight::Bold }
    }

    pub fn dim(text: String) -> Line {
        Line { text, weight: Weight::Dim }
    }

    pub fn marked(text: String) -> Line {
        Line { text, weight: Weight::Marked }
    }
}

/// Characters in a line, and lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size {
    pub width: usize,
    pub height: usize,
}

/// Whether a person is at both ends.
pub fn is_there() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// A screen, in place of what the terminal showed before. That comes back when the value goes.
pub struct Terminal {
    out: Stdout,
    shown: Vec<Line>,
}

/// What a person has done.
pub enum Input {
    Key(char),
    /// Ctrl-C, which no signal tells of here.
    Interrupt,
    /// The screen has another size, and shows nothing that can be relied on.
    Resize,
}

impl Terminal {
    pub fn open() -> io::Result<Terminal> {
        enable_raw_mode()?;
        let mut terminal = Terminal { out: io::stdout(), shown: Vec::new() };
        execute!(terminal.out, EnterAlternateScreen, Hide)?;
        Ok(terminal)
    }

    pub fn size(&self) -> io::Result<Size> {
        let (width, height) = size()?;
        Ok(Size { width: width.into(), height: height.into() })
    }

    /// Shows these lines and nothing else.
    pub fn show(&mut self, lines: Vec<Line>) -> io::Result<()> {
        if lines == self.shown {
            return Ok(());
        }
        for (row, line) in (0..).zip(&lines) {
            let attribute = match line.weight {
                Weight::Normal => Attribute::Reset,
                Weight::Bold => Attribute::Bold,
                Weight::Dim => Attribute::Dim,
                Weight::Marked => Attribute::Reverse,
            };
            // Behind a line as wide as the screen the cursor may still be on its last character.
            queue!(self.out, MoveTo(0, row), Clear(ClearType::UntilNewLine))?;
            queue!(self.out, SetAttribute(attribute), Print(&line.text), SetAttribute(Attribute::Reset))?;
        }
        for row in (0..).take(self.shown.len()).skip(lines.len()) {
            queue!(self.out, MoveTo(0, row), Clear(ClearType::UntilNewLine))?;
        }
        self.out.flush()?;
        self.shown = lines;
        Ok(())
    }

    /// What is shown is shown anew next time, all of it.
    pub fn forget(&mut self) -> io::Result<()> {
        self.shown.clear();
        execute!(self.out, Clear(ClearType::All))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A terminal that has gone shows nothing.
        drop(execute!(self.out, Show, LeaveAlternateScreen));
        drop(disable_raw_mode());
    }
}

/// Waits for what a person does next.
pub fn read() -> io::Result<Input> {
    loop {
        if let Some(input) = input(&event::read()?) {
            return Ok(input);
        }
    }
}

/// What a person does within this time, if anything.
pub fn read_within(patience: Duration) -> io::Result<Option<Input>> {
    Ok(if event::poll(patience)? { input(&event::read()?) } else { None })
}

fn input(event: &Event) -> Option<Input> {
    match event {
        Event::Key(KeyEvent { kind: KeyEventKind::Release, .. }) => None,
        Event::Key(KeyEvent { code: KeyCode::Char('c'), modifiers, .. })
            if modifiers.contains(KeyModifiers::CONTROL) =>
        {
            Some(Input::Interrupt)
        }
        Event::Key(KeyEvent { code: KeyCode::Char(key), .. }) => Some(Input::Key(*key)),
        Event::Resize(..) => Some(Input::Resize),
        _ => None,
    }
}
