//! A state that has come by HTTP takes the place of that of a server which stands alone and has ended. What it had is the generation
//! before, and goes when the server has begun anew; until the new one counts nothing of it is touched.

use std::thread;
use std::time::{Duration, Instant};

use paddock_consensus::Zxid;
use paddock_engine::generation::{Generation, GenerationError, NextGeneration};
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
        Err(error) => {
            tracing::error!(
                "the state that has come by HTTP is not put in place: {error}; the server begins anew with its own"
            );
            Conclusion::Refused(format!("it cannot be put in place: {error}; the server goes on with its own state"))
        }
    };
    restorer.conclude(conclusion);
    let began = Instant::now();
    while !state.departure.has_come() && began.elapsed() < PATIENCE {
        thread::sleep(LOOK);
    }
    true
}

fn put_in_place(
    state: &mut BroughtState,
    restorer: &Restorer,
    config: &Config,
    pulse: &Pulse,
) -> Result<Zxid, GenerationError> {
    let log = LogConfig {
        data_dir: Generation::above(&config.data_dir).to_owned(),
        dir: Generation::above(&config.data_log_dir).to_owned(),
        ..log_config(config)
    };
    let mut alive = || {
        pulse.beat(Instant::now());
    };
    let mut next = NextGeneration::begin_long(log, &mut state.database, &restorer.seed, &mut alive)?;
    next.settle()?;
    next.succeed()?;
    Ok(state.database.last_zxid())
}
