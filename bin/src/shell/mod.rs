//! `paddock shell`: a shell for servers that speak ZooKeeper's protocol, in zkCli.sh's place.
//!
//! What zkCli has is here with its output to the byte, on stdout and on stderr, and with its exit codes; where Java would end
//! with the trace of an exception, its message is told and the shell goes on.
//!
//! | file | is |
//! |---|---|
//! | `calling` | how it was called |
//! | `line` | the lines that a program gives |
//! | `words`, `flags`, `number` | a line taken apart, as zkCli does; pure |
//! | `syntax`, `usage` | the flags of each command, and how it is used |
//! | `complaint` | what a command that fails says |
//! | `output`, `visible` | where everything is said, events in between; what a terminal is not given |
//! | `stage` | what a command works with |
//! | `run` | one line after the other |
//! | `past` | the lines of this run |
//! | `commands` | what each command does |
//! | `walk` | a subtree, znode by znode |
//! | `stat_lines`, `acl_text`, `hex_dump`, `stats_track`, `config_line`, `export_line`, `costs` | texts; pure |
//! | `editor`, `completion` | the line that a person types |

mod acl_text;
mod calling;
mod commands;
mod complaint;
mod completion;
mod config_line;
mod costs;
mod editor;
mod export_line;
mod flags;
mod hex_dump;
mod line;
mod number;
mod output;
mod past;
mod run;
mod stage;
mod stat_lines;
mod stats_track;
mod syntax;
mod usage;
mod visible;
mod walk;
mod words;

use std::fmt;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use signal_hook::consts::SIGINT;
use signal_hook::flag;

use self::calling::{Calling, Work};
pub use self::calling::{ShellArgs, with_properties_apart};
use self::complaint::EXIT_INTERRUPTED;
use self::editor::{Editor, Typed};
use self::output::{Output, Voice};
use self::run::{Next, Shell};
use crate::security::Security;
use crate::terminal;

/// ZooKeeper's code for arguments that it cannot begin with.
const EXIT_INVALID: u8 = 2;
/// The answer could not be written.
const EXIT_UNWRITTEN: u8 = 1;

#[derive(Debug)]
pub enum ShellError {
    /// What cannot be understood, in a sentence.
    Calling(String),
    /// There is no session to begin with.
    Session(String),
    /// Threads, signals, stdin.
    Io(io::Error),
    Terminal(rustyline::error::ReadlineError),
}

impl fmt::Display for ShellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShellError::Calling(sentence) | ShellError::Session(sentence) => f.write_str(sentence),
            ShellError::Io(error) => write!(f, "the shell cannot go on: {error}"),
            ShellError::Terminal(error) => {
                write!(f, "lines cannot be read from this terminal: {error}; use -e, or give them on stdin")
            }
        }
    }
}

impl ShellError {
    pub fn exit(&self) -> u8 {
        match self {
            ShellError::Calling(_) => EXIT_INVALID,
            _ => 1,
        }
    }
}

impl From<io::Error> for ShellError {
    fn from(error: io::Error) -> ShellError {
        ShellError::Io(error)
    }
}

impl From<rustyline::error::ReadlineError> for ShellError {
    fn from(error: rustyline::error::ReadlineError) -> ShellError {
        ShellError::Terminal(error)
    }
}

pub fn run(arguments: &ShellArgs) -> Result<ExitCode, ShellError> {
    let calling = Calling::of(arguments).map_err(ShellError::Calling)?;
    let terms = terms(&calling)?;
    let output = Arc::new(Output::new(match (calling.is_json, calling.is_quiet) {
        (true, _) => output::Manner::Json,
        (false, true) => output::Manner::Quiet,
        (false, false) => output::Manner::Plain,
    }));
    if let Some(remark) = &calling.remark {
        output.remark(remark);
    }
    if output.is_plain() {
        output.line(&format!("Connecting to {}", calling.server));
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    let has_terminal = terminal::is_there();
    let opened = Shell::open(&calling.server, terms, output.clone(), interrupted.clone(), has_terminal);
    let mut shell = opened.map_err(|complaint| {
        output.flush();
        ShellError::Session(complaint.text)
    })?;
    let next = match calling.work {
        Work::Command(words) => {
            heed_interrupts(&interrupted)?;
            shell.command(&words)
        }
        Work::Script(script) => {
            heed_interrupts(&interrupted)?;
            do_script(&mut shell, &script)
        }
        Work::Lines if has_terminal => converse(&mut shell, &output, &interrupted)?,
        Work::Lines => do_lines(&mut shell, &output)?,
    };
    if next == Next::GoOn {
        shell.leave();
    }
    output.flush();
    Ok(ExitCode::from(if output.has_failed() { EXIT_UNWRITTEN } else { shell.exit() }))
}

fn terms(calling: &Calling) -> Result<run::Terms, ShellError> {
    let properties = calling.properties.read().map_err(ShellError::Calling)?;
    Ok(run::Terms {
        timeout_ms: calling.timeout_ms().map_err(ShellError::Session)?,
        may_be_read_only: calling.read_only,
        waits: calling.waits,
        request_timeout: calling::request_timeout(&properties).map_err(ShellError::Calling)?,
        security: Security::of(&properties).map_err(ShellError::Calling)?,
    })
}

/// From now on Ctrl-C ends a command in order, and with the second one all.
fn heed_interrupts(interrupted: &Arc<AtomicBool>) -> io::Result<()> {
    flag::register_conditional_shutdown(SIGINT, i32::from(EXIT_INTERRUPTED), interrupted.clone())?;
    flag::register(SIGINT, interrupted.clone())?;
    Ok(())
}

/// The first command that fails is the last.
fn do_script(shell: &mut Shell, script: &str) -> Next {
    for command in words::commands(script) {
        if shell.line(&command) == Next::End {
            return Next::End;
        }
        if shell.exit() != 0 {
            break;
        }
    }
    Next::GoOn
}

/// Lines that a program gives, each done as it comes; events are told as they come.
fn do_lines(shell: &mut Shell, output: &Arc<Output>) -> Result<Next, ShellError> {
    if output.is_plain() {
        output.line("Welcome to ZooKeeper!");
        output.line("JLine support is disabled");
    }
    tell_events(output, None)?;
    let mut input = io::stdin().lock();
    loop {
        output.flush();
        let next = match line::read(&mut input)? {
            line::Read::Line(line) => shell.line(&line),
            line::Read::TooLong => {
                shell.refuse(&format!("a line may have {} bytes, and this one has more", line::BYTES_MAX))
            }
            line::Read::End => return Ok(Next::GoOn),
        };
        if next == Next::End {
            return Ok(Next::End);
        }
    }
}

/// Lines that a person types.
fn converse(shell: &mut Shell, output: &Arc<Output>, interrupted: &Arc<AtomicBool>) -> Result<Next, ShellError> {
    let mut editor = Editor::open(shell.current())?;
    // Afterwards: the editor may set what Ctrl-C does.
    heed_interrupts(interrupted)?;
    // A terminal that cannot show anything above a line is shown it in between.
    let voice = editor.voice().ok();
    if output.is_plain() {
        output.line("Welcome to ZooKeeper!");
        output.line("JLine support is enabled");
    }
    tell_events(output, voice)?;
    loop {
        output.flush();
        output.set_typed(true);
        let typed = editor.line(&shell.prompt());
        output.set_typed(false);
        match typed? {
            Typed::Line(line) if shell.line(&line) == Next::End => return Ok(Next::End),
            Typed::Line(_) | Typed::Dropped => {}
            Typed::End => return Ok(Next::GoOn),
        }
    }
}

fn tell_events(output: &Arc<Output>, voice: Option<Voice>) -> io::Result<()> {
    let output = output.clone();
    thread::Builder::new().name("events".into()).spawn(move || output.show_all_events(voice)).map(drop)
}
