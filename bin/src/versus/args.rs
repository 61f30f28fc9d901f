//! The command line of `paddock bench versus`.

use std::path::PathBuf;

use clap::Args;

use super::row;

/// Two servers or ensembles under the same load, in turns A B B A: ratios of their medians, and how far these may be off.
///
/// A side is "paddock" (this program), "zookeeper" (the one whose class path is in ZOOKEEPER_CLASSPATH, or Debian's), or a
/// command line that starts a server in the foreground. In it {config} stands for a zoo.cfg made for the server, {dir} for its
/// data directory, {port} for its client port, {id} for its number, and {classpath} for that class path. For each turn it has a
/// new process and an empty directory. A row about three servers starts three of them.
///
/// Instead, --a-server gives each server a command of its own, and --a-address says where servers are that run already, or
/// where each server of --a-server is reached.
#[derive(Args, Clone, Debug)]
pub struct VersusArgs {
    /// Side A: paddock, zookeeper, or a command line for any of its servers
    #[arg(long, value_name = "COMMAND", default_value = "paddock")]
    pub a: String,
    /// Command line of one server of A; repeat it for each
    #[arg(long, value_name = "COMMAND", conflicts_with = "a")]
    pub a_server: Vec<String>,
    /// Where a server of A is; repeat it for each
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "a")]
    pub a_address: Vec<String>,
    /// Process of a server of A that runs already, for its CPU time and memory; repeat it for each
    #[arg(long, value_name = "PID")]
    pub a_pid: Vec<u32>,
    /// What A is called in the results
    #[arg(long, value_name = "NAME")]
    pub a_name: Option<String>,

    /// Side B
    #[arg(long, value_name = "COMMAND", default_value = "zookeeper")]
    pub b: String,
    /// The same of B
    #[arg(long, value_name = "COMMAND", conflicts_with = "b")]
    pub b_server: Vec<String>,
    /// The same of B
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "b")]
    pub b_address: Vec<String>,
    /// The same of B
    #[arg(long, value_name = "PID")]
    pub b_pid: Vec<u32>,
    /// The same of B
    #[arg(long, value_name = "NAME")]
    pub b_name: Option<String>,

    /// A row, or a group of rows: design, one, ensemble, connections, ensemble-connections, all; repeat it for several
    #[arg(long = "row", value_name = "ROW", default_values_t = [row::DEFAULT.to_owned()])]
    pub rows: Vec<String>,
    /// A workload of the literature instead of rows, as `paddock bench --preset` has it; repeat it for several
    #[arg(long = "preset", value_name = "PRESET", conflicts_with = "rows")]
    pub presets: Vec<String>,
    /// Only rows about so many servers; with --preset so many servers [with --preset: 1]
    #[arg(long, value_name = "N", value_parser = ["1", "3"])]
    pub servers: Option<String>,

    /// Measured seconds of a load, the same for both
    #[arg(long, value_name = "SECONDS", default_value_t = 8.0, value_parser = seconds)]
    pub seconds: f64,
    /// Seconds of the same load before; a JVM needs them
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    pub warmup: f64,
    /// How often A B B A; with 1 equals seem to differ once in three times, with 2 once in 35
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Znodes of the rows memory and start
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub znodes: u64,
    /// Repeat a turn during which the host of this virtual machine took more of its CPU time
    #[arg(long, value_name = "PERCENT", default_value_t = 100.0, value_parser = percent)]
    pub stolen_max: f64,
    /// So often at most; the quietest one counts
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub tries: u32,
    /// More options of `paddock bench` for every turn
    #[arg(long, value_name = "OPTIONS", default_value = "", allow_hyphen_values = true)]
    pub bench_options: String,

    /// Name of the results: NAME.json, NAME.md and NAME.svg
    #[arg(long, value_name = "NAME", default_value = "versus", value_parser = name)]
    pub name: String,
    /// Directory of the results, made if it is not there
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub results: PathBuf,
    /// Where servers have their directories: on a disk, not in memory
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    pub dir: PathBuf,
    /// No progress bar (there is none anyway unless the standard error is a terminal)
    #[arg(long)]
    pub no_progress: bool,
}

/// A day.
const SECONDS_MAX: f64 = 86_400.0;

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("\"{text}\" is not a number"))?;
    let is_time = (0.0..=SECONDS_MAX).contains(&seconds);
    is_time.then_some(seconds).ok_or_else(|| format!("{text} is not between 0 and {SECONDS_MAX} seconds"))
}

fn percent(text: &str) -> Result<f64, String> {
    let percent: f64 = text.parse().map_err(|_| format!("\"{text}\" is not a number"))?;
    (0.0..=100.0).contains(&percent).then_some(percent).ok_or_else(|| format!("{text} is not between 0 and 100"))
}

/// It becomes the beginning of files' names.
fn name(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty() && !text.starts_with('.') && !text.contains(['/', '\0']);
    is_name
        .then(|| text.to_owned())
        .ok_or_else(|| format!("\"{text}\" is no name of a file; --results says where it is"))
}

#[cfg(test)]
impl VersusArgs {
    /// What these words of a command line say.
    pub fn of_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<VersusArgs, clap::Error> {
        let line = VersusArgs::augment_args(clap::Command::new("versus").no_binary_name(true));
        clap::FromArgMatches::from_arg_matches(&line.try_get_matches_from(words)?)
    }
}

#[cfg(test)]
mod tests {
    use super::VersusArgs;

    #[test]
    fn wrong_options_are_refused_with_their_reason() {
        for (words, reason) in [
            ("--seconds -1", "unexpected argument"),
            ("--seconds=-1", "not between"),
            ("--seconds x", "not a number"),
            ("--name a/b", "no name of a file"),
            ("--rounds 0", "0 is not in"),
            ("--servers 2", "possible values"),
            ("--stolen-max 101", "not between"),
            ("--preset ycsb-b --row read", "cannot be used with"),
        ] {
            let refusal = VersusArgs::of_words(words.split_whitespace()).expect_err("it is wrong").to_string();
            assert!(refusal.contains(reason), "{words}: {refusal}");
        }
    }
}
