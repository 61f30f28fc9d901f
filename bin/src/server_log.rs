//! What servers say in their logs.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Looked at in one step, from the end of a log or from where the last step ended. A longer line is cut.
const STEP_BYTES: u64 = 64 << 10;

/// One log, which is read as it grows.
pub struct ServerLog {
    path: PathBuf,
    /// Of the first byte that has not been read.
    offset: u64,
    /// A line of which the end has not come.
    rest: Vec<u8>,
}

impl ServerLog {
    pub fn new(path: &Path) -> ServerLog {
        ServerLog { path: path.to_owned(), offset: 0, rest: Vec::new() }
    }

    /// The lines that have come since the last time and need eyes: those at WARN and ERROR, without their time. A log that
    /// cannot be read says nothing.
    pub fn warnings(&mut self) -> Vec<String> {
        // What has been read before an error counts.
        drop(self.read());
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines = printable(&self.rest[..whole]);
        self.rest.drain(..whole);
        if self.rest.len() as u64 >= STEP_BYTES {
            self.rest.clear();
        }
        lines.iter().filter_map(|line| warning(line)).map(str::to_owned).collect()
    }

    fn read(&mut self) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let read = file.take(STEP_BYTES).read_to_end(&mut self.rest);
        self.offset += read? as u64;
        Ok(())
    }
}

/// The last lines, `count` at most.
pub fn last_lines(path: &Path, count: usize) -> io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(STEP_BYTES)))?;
    let mut end = Vec::new();
    file.take(STEP_BYTES).read_to_end(&mut end)?;
    let lines = printable(&end);
    Ok(lines[lines.len().saturating_sub(count)..].to_vec())
}

/// Lines without what a terminal would obey.
fn printable(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().map(|line| line.chars().filter(|c| !c.is_control()).collect()).collect()
}

/// A line is a time, a level and what is said.
fn warning(line: &str) -> Option<&str> {
    let (_, said) = line.split_once(' ')?;
    let said = said.trim_start();
    (said.starts_with("WARN ") || said.starts_with("ERROR ")).then_some(said)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write;

    use super::{STEP_BYTES, ServerLog, last_lines};

    #[test]
    fn warnings_are_told_once_and_whole() {
        let path = std::env::temp_dir().join(format!("paddock-demo-log-{}", std::process::id()));
        drop(fs::remove_file(&path));
        let mut log = ServerLog::new(&path);
        assert_eq!(log.warnings(), [""; 0], "there is no log yet");
        let mut file = OpenOptions::new().create(true).append(true).open(&path).expect("it can be opened");
        let mut write = |text: &str| file.write_all(text.as_bytes()).expect("it is writable");
        write("2026-01-01T00:00:00Z  INFO it begins\n2026-01-01T00:00:01Z  WARN a \u{1b}[2Jlink is clo");
        assert_eq!(log.warnings(), [""; 0]);
        write("sed\n2026-01-01T00:00:02Z ERROR it ends\n");
        assert_eq!(log.warnings(), ["WARN a [2Jlink is closed", "ERROR it ends"]);
        assert_eq!(log.warnings(), [""; 0]);
        write(&"-".repeat(2 * STEP_BYTES as usize));
        write("\n2026-01-01T00:00:03Z  WARN behind a line without end\n");
        let said: Vec<String> = (0..3).flat_map(|_| log.warnings()).collect();
        assert_eq!(said, ["WARN behind a line without end"]);
        let last = last_lines(&path, 1).expect("it is readable");
        fs::remove_file(&path).expect("it is there");
        assert_eq!(last, ["2026-01-01T00:00:03Z  WARN behind a line without end"]);
    }
}
