//! The command line of `paddock profile fsync`.

use std::path::PathBuf;

use clap::Args;

/// A day.
const SECONDS_MAX: f64 = 86_400.0;

/// How fast, and how evenly, the disk of a directory makes writes durable as a server's log does it; which way a server takes
/// there; how many durable writes to expect; and what to change.
///
/// Writes of 4 KiB to 1 MiB go to a file in the directory, by each way that there is, into zeroed space and growing the file, one
/// or two at a time. The file is removed at the end, also after Ctrl-C. A server that uses the same disk meanwhile waits for it,
/// and is measured along with it.
///
/// Ends with 0 where all of it was measured, with 1 where something failed, with 2 where the arguments cannot be understood.
#[derive(Args, Clone, Debug)]
pub struct FsyncArgs {
    /// The directory: the dataLogDir of a server, or another one on the same disk
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Seconds of writing in all
    #[arg(long, value_name = "SECONDS", default_value_t = 45.0, value_parser = seconds)]
    pub seconds: f64,
    /// Size of the file, MiB: at most so much of the disk is taken
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u64).range(4..=4096))]
    pub file_mib: u64,
    /// Measure also where the file system has no direct I/O (O_DIRECT): by way of its cache, as a server does there
    #[arg(long)]
    pub buffered: bool,
    /// Also write all figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Also draw them: percentiles by size, and each sync of one run over time (SVG)
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// No progress bar (there is none anyway unless the standard error is a terminal)
    #[arg(long)]
    pub no_progress: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("\"{text}\" is not a number"))?;
    let is_time = (0.0..=SECONDS_MAX).contains(&seconds);
    is_time.then_some(seconds).ok_or_else(|| format!("{text} is not between 0 and {SECONDS_MAX} seconds"))
}
