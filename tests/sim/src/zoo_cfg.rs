//! The `zoo.cfg` of a server whose ensemble may be changed: what an operator writes, and what a start finds there and beside it.

use std::io;
use std::path::Path;

use paddock::config::{ConfigError, NEXT, load_through};
use paddock::node::member::config_files::ConfigFiles;
use paddock_consensus::config::{Config, Configs};
use paddock_consensus::{ServerId, Zxid};
use paddock_engine::io::Files;
use paddock_engine::io::simulated::FileSystem;

use super::durable;

const DIR: &str = "/conf";
const FILE: &str = "/conf/zoo.cfg";
/// How the line begins there that names the members of a committed configuration.
const DYNAMIC: &str = "dynamicConfigFile=/conf/zoo.cfg.dynamic.";
const MY_ID: &str = "/data/myid";
/// No file that is read is longer, bytes.
const FILE_BYTES_MAX: usize = 16 << 10;
/// What is in it besides the members. The rest of what a server is told is the world's to say.
const SETTINGS: &str = "dataDir=/data\nclientPort=2181\ninitLimit=10\nsyncLimit=5\nreconfigEnabled=true\n";

/// An operator tells a server who it is, and who belongs to its ensemble, unless the disk takes nothing.
pub fn write(files: &Files, me: ServerId, config: &Config) -> io::Result<()> {
    let lines = config.text().lines().filter(|line| !line.starts_with("version="));
    let members: String = lines.map(|line| format!("{line}\n")).collect();
    if !files.exists(Path::new(DIR))? {
        files.create_dir(Path::new(DIR))?;
        files.sync_dir(Path::new("/"))?;
    }
    files.write_atomically(Path::new(MY_ID), me.0.to_string().as_bytes())?;
    files.write_atomically(Path::new(FILE), format!("{SETTINGS}{members}").as_bytes())
}

/// Where the server keeps what becomes of its ensemble.
pub fn config_files(files: Files, me: ServerId) -> ConfigFiles {
    ConfigFiles::new(files, FILE.into(), me)
}

/// What a start goes by; `None` if it is refused, because the members that the files have leave this server out.
///
/// # Panics
/// If a start cannot read them: whatever a crash or a failing disk does, each file is there as it was written.
pub fn read(files: &Files) -> Option<Configs> {
    let read = |path: &Path| files.read(path, FILE_BYTES_MAX);
    let loaded = match load_through(&read, Path::new(FILE)) {
        Ok(loaded) => loaded,
        Err(failure) => match failure.error {
            ConfigError::ServerId { .. } => return None,
            error => panic!("a start is refused: {error}"),
        },
    };
    let ensemble = loaded.config.ensemble.expect("two vote at least");
    let committed = ensemble.config;
    Some(Configs { last_seen: ensemble.last_seen.unwrap_or_else(|| committed.clone()), committed })
}

/// The version of the newest configuration that is kept for certain, committed or proposed, whether a start would go by it or be
/// refused.
pub fn kept(disk: &FileSystem) -> Zxid {
    let files = durable::files(disk);
    let text = |file: &str| {
        let bytes = files.read(Path::new(file), FILE_BYTES_MAX).unwrap_or_default();
        String::from_utf8(bytes).expect("it is a text")
    };
    let version = |text: &str| i64::from_str_radix(text, 16).map(Zxid).expect("it is a version");
    let named = text(FILE).lines().find_map(|line| Some(version(line.strip_prefix(DYNAMIC)?)));
    let next = text(&format!("{FILE}{NEXT}")).lines().find_map(|line| Some(version(line.strip_prefix("version=")?)));
    named.max(next).unwrap_or_default()
}
