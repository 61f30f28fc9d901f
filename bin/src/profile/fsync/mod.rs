//! `paddock profile fsync`: how fast, and how evenly, a disk makes writes durable as a server's log does it.
//!
//! | file | is |
//! |---|---|
//! | `args` | the command line |
//! | `place`, `file_system` | where the directory is, and what is known of such file systems |
//! | `cell` | what is measured: ways, spaces, sizes, writes in flight |
//! | `target` | the file that is written to, and is gone at the end |
//! | `carrier` | what carries writes by each way |
//! | `run` | one cell is measured |
//! | `survey` | all of them are |
//! | `measured`, `findings` | what came of one, and of all |
//! | `model` | durable writes a second that follow from it |
//! | `sentences`, `report`, `plot` | the same in words, as a table and JSON, as a picture |
//!
//! What is measured is the log's own code: `engine::io` carries the writes, and `engine::log::Method` says which way a log takes.
//!
//! With the first Ctrl-C it ends early, tells what it has and removes its file. With the second it ends at once, as a disk may
//! not answer any more, and leaves the file.

mod args;
mod carrier;
mod cell;
mod error;
mod file_system;
mod findings;
mod measured;
mod model;
mod place;
mod plot;
mod report;
mod run;
mod sentences;
mod survey;
mod target;

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use paddock_engine::io::Files;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

pub use self::args::FsyncArgs;
pub use self::error::FsyncError;

use self::findings::Findings;
use self::place::Place;
use crate::bench::ResultsFile;

/// What a shell calls the end by SIGINT.
const EXIT_INTERRUPTED: i32 = 130;

/// So many times the size of the file must be free: what is left is for others on the same disk.
const ROOM: u64 = 2;

/// Measures, prints what was found, and writes the files that were asked for.
pub fn run(args: &FsyncArgs) -> Result<(), FsyncError> {
    let place = place(args)?;
    let interrupt = interrupt().map_err(FsyncError::Signals)?;
    let mut files = ResultsFiles::open(args)?;
    let outcome = survey::survey(args, place, &interrupt);
    let (findings, ended) = match outcome {
        Ok((findings, ended)) if !findings.measured.is_empty() => (findings, ended),
        Ok((_, ended)) => {
            files.give_up();
            return ended;
        }
        Err(error) => {
            files.give_up();
            return Err(error);
        }
    };
    let written = files.write(&findings);
    let printed = print(&report::text(&findings)).map_err(FsyncError::Output);
    // What failed first explains the rest.
    ended.and(written).and(printed)
}

/// What is better known before anything is written.
fn place(args: &FsyncArgs) -> Result<Place, FsyncError> {
    let path = &args.directory;
    let failed = |source| FsyncError::Directory { path: path.clone(), source };
    if !Files::Real.metadata(path).map_err(failed)?.is_directory {
        return Err(FsyncError::NotADirectory { path: path.clone() });
    }
    let needed = (args.file_mib << 20) * ROOM;
    match Files::Real.free_bytes(path) {
        Some(free) if free < needed => Err(FsyncError::NoRoom { path: path.clone(), free, needed }),
        _ => Place::of(path).map_err(failed),
    }
}

/// What the first signal sets; the second one ends the process.
fn interrupt() -> io::Result<Arc<AtomicBool>> {
    let set = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register_conditional_shutdown(signal, EXIT_INTERRUPTED, Arc::clone(&set))?;
        flag::register(signal, Arc::clone(&set))?;
    }
    Ok(set)
}

/// The files that were asked for. Whether they can be written is known before the time is spent.
struct ResultsFiles {
    json: Option<ResultsFile>,
    plot: Option<ResultsFile>,
}

impl ResultsFiles {
    fn open(args: &FsyncArgs) -> Result<ResultsFiles, FsyncError> {
        let open = |path: &Path| {
            ResultsFile::open(path).map_err(|source| FsyncError::Results { file: path.to_owned(), source })
        };
        let json = args.json.as_deref().map(open).transpose()?;
        match args.plot.as_deref().map(open).transpose() {
            Ok(plot) => Ok(ResultsFiles { json, plot }),
            Err(error) => {
                ResultsFiles { json, plot: None }.give_up();
                Err(error)
            }
        }
    }

    fn write(&mut self, findings: &Findings) -> Result<(), FsyncError> {
        put(self.json.as_mut(), || report::json(findings))?;
        put(self.plot.as_mut(), || plot::svg(findings))
    }

    /// There are no results.
    fn give_up(self) {
        [self.json, self.plot].into_iter().flatten().for_each(ResultsFile::give_up);
    }
}

fn put(file: Option<&mut ResultsFile>, text: impl FnOnce() -> String) -> Result<(), FsyncError> {
    let Some(file) = file else { return Ok(()) };
    let written = file.write(&text());
    written.map_err(|source| FsyncError::Results { file: file.path().to_owned(), source })
}

/// A reader that has gone away has seen enough.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}
