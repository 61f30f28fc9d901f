//! A state that has come by HTTP takes the place of that of a server which stands alone and has ended. What it had is the generation
//! before, and goes when the server has begun anew; until the new one counts nothing of it is touched.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use paddock_consensus::Zxid;
use paddock_engine::generation::{Generation, GenerationError, NextGeneration, make_way};
use paddock_engine::log::LogConfig;

use super::pulse::Pulse;
use super::settings::log_config;
use crate::admin::{BroughtState, Conclusion, Restorer};
use crate::config::Config;

/// Whoever has brought the state is told what has become of it within this time, or finds out otherwise.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks at whether the answer has gone.
const LOOK: Duration = Duration::from_millis(5);

/// Puts a state in place, if one was brought, and has whoever did so told. `config` has the directories of the present generation.
/// Whether the process is to begin anew.
pub fn restore(restorer: &Restorer, config: &Config, pulse: &Pulse) -> bool {
    let Some(mut state) = restorer.take() else { return false };
    let conclusion = match put_in_place(&mut state, restorer, config, pulse) {
        Ok(zxid) => {
            tracing::warn!(%zxid, "the state that has come by HTTP is in place; the server begins anew with it");
            Conclusion::Placed(zxid)
        }
        Err(failure) => {
            tracing::error!("the state that has come by HTTP: {failure}");
            Conclusion::Refused(failure.to_string())
        }
    };
    conclude(restorer, &state, conclusion);
    true
}

/// The server has ended in another way than in order: nothing is put in place, and whoever has brought something is told.
pub fn give_up(restorer: &Restorer, error: &dyn fmt::Display) {
    if let Some(state) = restorer.take() {
        let why = format!("the server has ended: {error}; its own state is as it was");
        conclude(restorer, &state, Conclusion::Refused(why));
    }
}

/// Tells whoever has brought a state, and waits until that has gone out.
fn conclude(restorer: &Restorer, state: &BroughtState, conclusion: Conclusion) {
    restorer.conclude(conclusion);
    let began = Instant::now();
    while !state.departure.has_come() && began.elapsed() < PATIENCE {
        thread::sleep(LOOK);
    }
}

/// Why a state is not in place, or may not be.
#[derive(Debug)]
enum Failure {
    /// What counts is the former state.
    Before(GenerationError),
    /// The file that says which state counts was being exchanged.
    InBetween(GenerationError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Before(error) => {
                write!(f, "it cannot be put in place: {error}; the server begins anew with its own state")
            }
            Failure::InBetween(error) => write!(
                f,
                "it is not known whether it is in place: {error}; the server begins anew with whichever state its dataDir \
                 names, and tells its zxid with srvr"
            ),
        }
    }
}

fn put_in_place(
    state: &mut BroughtState,
    restorer: &Restorer,
    config: &Config,
    pulse: &Pulse,
) -> Result<Zxid, Failure> {
    let log = LogConfig {
        data_dir: Generation::above(&config.data_dir).to_owned(),
        dir: Generation::above(&config.data_log_dir).to_owned(),
        ..log_config(config)
    };
    let (files, data_dir, log_dir) = (log.files.clone(), log.data_dir.clone(), log.dir.clone());
    let settled = settle(log, state, restorer, pulse);
    let next = settled.map_err(|error| {
        // The start needs room for its log before it would remove what was begun here.
        let present = Generation::of_dir(&config.data_dir);
        if let Err(error) = make_way(&files, &data_dir, &log_dir, present) {
            tracing::warn!("what was written of the state that has come by HTTP stays until the next start: {error}");
        }
        Failure::Before(error)
    })?;
    next.succeed().map_err(Failure::InBetween)?;
    Ok(state.database.last_zxid())
}

/// The next generation, durable, which does not count yet.
fn settle(
    log: LogConfig,
    state: &mut BroughtState,
    restorer: &Restorer,
    pulse: &Pulse,
) -> Result<NextGeneration, GenerationError> {
    let mut alive = || {
        pulse.beat(Instant::now());
    };
    let mut next = NextGeneration::begin_long(log, &mut state.database, &restorer.seed, &mut alive)?;
    next.settle()?;
    Ok(next)
}
