//! `paddock convert --from-zookeeper`.

use std::path::Path;

use paddock_engine::conversion::Target;
use paddock_engine::io::Files;
use serde_json::json;

use super::ConvertError;
use super::meter::Meter;
use crate::answer::Answer;
use crate::config::Config;
use crate::node::conversion::{Converted, Phase, convert};
use crate::node::conversion_settings;
use crate::progress::Progress;

pub fn run(config: &Config, file: Option<&Path>, progress: Progress, answer: &mut Answer) -> Result<(), ConvertError> {
    let settings = conversion_settings(config).map_err(ConvertError::Recovery)?;
    let mut meter = None;
    let mut tell = |phase: Phase| {
        // One bar at a time.
        meter = None;
        meter = Meter::start(progress, phase);
    };
    let target = Target { files: &Files::Real, data_dir: &config.data_dir, log_dir: &config.data_log_dir };
    let converted = convert(&target, &settings, &mut tell).map_err(ConvertError::From);
    drop(meter);
    let converted = converted?;
    for line in converted.lines() {
        answer.line(format_args!("{line}"))?;
    }
    match file {
        Some(file) => answer.line(format_args!("next: paddock serve {}", file.display()))?,
        None => answer.line(format_args!("next: paddock serve with this dataDir"))?,
    }
    let Converted { snapshot, replayed, zxid, znodes, bytes, ephemerals, sessions, digest, agreed, remarks, .. } =
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
        "digestAgreedAt": agreed.map(|zxid| zxid.to_string()),
        "remarks": remarks,
        "file": converted.file.display().to_string(),
        "fileBytes": converted.file_bytes,
        "millis": converted.time.as_millis() as u64,
    }))?;
    Ok(())
}
