//! The milestone of a log that is open.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::LogError;
use super::milestone::{Extent, Milestone, MilestoneFile, Reached};
use super::segment::Segment;

/// A milestone that could not be written is tried again so much later.
const RETRY: Duration = Duration::from_secs(1);

/// Writes the milestone while the log goes on. One that lags behind is not wrong, so that nothing waits for it: where it
/// cannot be written, that is tried again until it can.
pub(super) struct LiveMilestone {
    /// The `dataLogDir`.
    dir: PathBuf,
    file: MilestoneFile,
    /// The newest segment that the milestone may name.
    newest: Extent,
    /// When it is tried again; `None` if the last try succeeded.
    again_at: Option<Instant>,
}

impl LiveMilestone {
    /// Of the log in a `dataLogDir`; it names no segment yet.
    pub fn new(dir: &Path, file: MilestoneFile) -> LiveMilestone {
        LiveMilestone { dir: dir.to_owned(), file, newest: Extent::default(), again_at: None }
    }

    /// The sequence of the newest segment that the milestone may name.
    pub fn newest_sequence(&self) -> u64 {
        self.newest.sequence
    }

    /// Notes that there is a newer segment, which is durable as it is and is not taken away any more.
    pub fn note_segment(&mut self, newest: &Segment, durable: Reached, now: Instant) {
        self.newest = Extent { sequence: newest.sequence, bytes: newest.size };
        self.note(durable, now);
    }

    /// The same where nothing goes on before it is noted.
    pub fn try_note_segment(&mut self, newest: &Segment, durable: Reached) -> Result<(), LogError> {
        self.newest = Extent { sequence: newest.sequence, bytes: newest.size };
        self.write(durable)
    }

    /// Notes what is durable of the segments that there are.
    pub fn note(&mut self, durable: Reached, now: Instant) {
        let noted = self.write(durable);
        let again_at = noted.is_err().then(|| now + RETRY);
        if let (Err(error), None) = (noted, self.again_at) {
            tracing::warn!("it cannot be noted how far the log has come, which is tried again until it can: {error}");
        }
        self.again_at = again_at;
    }

    /// When the next try is due; `None` if the last one succeeded.
    pub fn again_at(&self) -> Option<Instant> {
        self.again_at
    }

    fn write(&mut self, durable: Reached) -> Result<(), LogError> {
        self.file.write(Milestone::new(&self.dir, self.newest, durable))
    }
}
