//! `paddock convert --from-zookeeper`.

use std::path::Path;

use paddock_engine::conversion::Target;
use paddock_engine::io::Files;
use paddock_engine::zookeeper::Settings;
use serde_json::json;

use super::ConvertError;
use super::meter::{Counter, Meter};
use crate::answer::Answer;
use crate::config::Config;
use crate::node::conversion::{Converted, Phase, convert};
use crate::progress::Progress;

pub fn run(
    config: &Config,
    settings: &Settings,
    file: Option<&Path>,
    progress: Progress,
    answer: &mut Answer,
) -> Result<(), ConvertError> {
    let mut meter = None;
    let mut tell = |phase: Phase| {
        // One bar at a time.
        meter = None;
        meter = match phase {
            Phase::Reading { bytes } => Meter::start(progress, "reading ZooKeeper's files", Counter::Read, bytes),
            Phase::Writing { bytes } => Meter::start(progress, "writing Paddock's snapshot", Counter::Written, bytes),
        };
    };
    let target = Target { files: &Files::Real, data_dir: &config.data_dir, log_dir: &config.data_log_dir };
    let converted = convert(&target, settings, &mut tell).map_err(ConvertError::From);
    drop(meter);
    let converted = converted?;
    for line in converted.lines() {
        answer.line(format_args!("{line}"))?;
    }
    match file {
        Some(file) => answer.line(format_args!("next: paddock serve {}", file.display()))?,
        None => answer.line(format_args!("next: paddock serve with this dataDir"))?,
    }
    let Converted { snapshot, replayed, zxid, znodes, bytes, ephemerals, sessions, digest, compared, remarks, .. } =
        &converted;
    answer.object(&json!({
        "snapshot": snapshot.as_ref().map(|path| path.display().to_string()),
        "replayed": replayed,
        "zxid": zxid.to_string(),
        "znodes": znodes,
        "bytes": bytes,
        "ephemerals": ephemerals,
        "sessions": sessions,
        "digest": format!("{digest:x}"),
        "digestAgreedAt": compared.agreed().map(|zxid| zxid.to_string()),
        "remarks": remarks,
        "file": converted.file.display().to_string(),
        "fileBytes": converted.file_bytes,
        "millis": converted.time.as_millis() as u64,
    }))?;
    Ok(())
}
