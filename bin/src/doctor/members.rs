//! The `server.N` lines of the file, or of the dynamic file that it names. One that is malformed is passed over: the start says
//! so better.

use std::path::Path;
use std::sync::Arc;

use paddock_consensus::config::{PeerType, ServerLine};

use crate::config::properties;
use crate::config::{MAX_FILE_BYTES, Place, Wordings, read};

pub struct Line {
    pub id: i64,
    pub line: ServerLine,
    pub place: Place,
}

#[derive(Default)]
pub struct Members {
    lines: Vec<Line>,
}

impl Members {
    /// Of the dynamic file where one is named, as a server reads them.
    pub fn of(wordings: &Wordings) -> Members {
        let lines = match wordings.text("dynamicConfigFile").filter(|file| !file.is_empty()) {
            Some(file) => lines_of_file(Path::new(file)),
            None => {
                let written = wordings.family("server.");
                written.filter_map(|(name, place, text)| line(name, text, place.clone())).collect()
            }
        };
        Members { lines }
    }

    pub fn get(&self, id: i64) -> Option<&Line> {
        self.lines.iter().find(|line| line.id == id)
    }

    pub fn all(&self) -> &[Line] {
        &self.lines
    }

    /// Whether a server opens the ports for other servers: there are several, or it may not stand alone.
    pub fn are_ensemble(&self, standalone_enabled: bool) -> bool {
        let participants = self.lines.iter().filter(|line| line.line.member.peer_type == PeerType::Participant);
        participants.count() > 1 || !standalone_enabled && !self.lines.is_empty()
    }
}

fn lines_of_file(file: &Path) -> Vec<Line> {
    let Ok(bytes) = read(file) else { return Vec::new() };
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Vec::new();
    }
    let shared: Arc<Path> = Arc::from(file);
    let entries = properties::parse(&bytes).unwrap_or_default().into_iter();
    let place = |line| Place::Line { file: Arc::clone(&shared), line };
    entries.filter_map(|entry| line(&entry.key, &entry.value, place(entry.line))).collect()
}

fn line(name: &str, text: &str, place: Place) -> Option<Line> {
    if !name.starts_with("server.") {
        return None;
    }
    let id = ServerLine::server(name).ok()?.0;
    let line = ServerLine::parse(text).ok()?;
    Some(Line { id, line, place })
}
