//! The command line of `paddock profile HOST:PORT`.

use std::path::PathBuf;

use clap::Args;

use crate::security::properties::PropertyArgs;
use crate::status::targets;

/// A day.
const SECONDS_MAX: f64 = 86_400.0;

/// Where the time of writes goes on running servers: how long they wait for the replica, the log's disk, other servers and their
/// reactor. Nothing is written to the servers; whoever is asked is the AdminServer of each, once in a second.
///
/// On a terminal the stages are shown while they are counted, until q is pressed. At the end all of them are told, and drawn.
///
/// Ends with 0 where every server has answered, with 1 where one has not, or a file cannot be written.
#[derive(Args, Clone, Debug)]
pub struct WritesArgs {
    /// Client ports of servers, also with commas between them, or a zoo.cfg, whose own server is asked
    #[arg(value_name = "HOST:PORT|FILE", default_value = targets::DEFAULT, value_delimiter = ',')]
    pub targets: Vec<String>,
    /// Ask every server that a zoo.cfg names
    #[arg(long)]
    pub all: bool,
    /// Port of the AdminServer (admin.serverPort): one for all servers, or one for each with commas between them
    #[arg(long, value_name = "PORT", default_value = "8080", value_delimiter = ',')]
    pub admin: Vec<u16>,
    /// Take what the AdminServer tells where its server has another client port or address than the one given, as behind a
    /// translation of addresses
    #[arg(long)]
    pub anyway: bool,
    /// Where the commands of the AdminServer are (admin.commandURL)
    #[arg(long, value_name = "PATH", default_value = "/commands")]
    pub command_url: String,
    /// Ask by HTTPS, with -Dzookeeper.ssl.trustStore.location=FILE and so on (admin.forceHttps, admin.portUnification)
    #[arg(long)]
    pub https: bool,
    #[command(flatten)]
    pub properties: PropertyArgs,
    /// Seconds to look; without them 10, and on a terminal until q is pressed
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub seconds: Option<f64>,
    /// The picture: stages by percentile, and syncs over time with the writes that waited for them (SVG)
    #[arg(long, value_name = "FILE", default_value = "paddock-profile.svg")]
    pub plot: PathBuf,
    /// Also write all figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Also write what was noted last of each sync and each version to this file, for Perfetto (ui.perfetto.dev) or chrome://tracing
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("\"{text}\" is not a number"))?;
    let is_time = (0.0..=SECONDS_MAX).contains(&seconds);
    is_time.then_some(seconds).ok_or_else(|| format!("{text} is not between 0 and {SECONDS_MAX} seconds"))
}
