//! What goes wrong with a log.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use paddock_consensus::Zxid;

use super::segment_path::directory;
use crate::generation::Generation;
use crate::io::{advice, is_shortage};

/// Why the log cannot do what it was asked for. Cloneable, because a failed log gives the same answer for ever.
#[derive(Clone, Debug)]
pub enum LogError {
    /// The file system of this directory is full, or the user's quota is.
    NoSpace { dir: PathBuf },
    /// The system refused an action on a file.
    Io { action: &'static str, path: PathBuf, source: Arc<io::Error> },
    /// The file that is written to was removed or moved away.
    Vanished { path: PathBuf },
    /// The method that was asked for does not exist here.
    Unavailable { source: Arc<io::Error> },
    /// The system gives no random number to tell a new log from others by.
    Identity { source: Arc<io::Error> },
    /// Something that was durable is missing or changed.
    Damaged(Box<Damage>),
    /// The end of the log is missing, or all of it.
    Missing(Box<Missing>),
    /// Neither the log nor the snapshot has the transactions after `have` up to and including `before`.
    Gap { file: PathBuf, offset: u64, have: Zxid, before: Zxid },
    /// The caller could not use a record.
    Rejected { file: PathBuf, offset: u64, zxid: Zxid, reason: String },
    /// Not all records after `from` up to and including `to` can be read: the log has those after `base` up to `last`.
    OutOfRange { from: Zxid, to: Zxid, base: Zxid, last: Zxid },
    /// The log cannot be cut after a transaction that it does not have. Nothing was changed.
    NotInLog { zxid: Zxid, base: Zxid, last: Zxid },
    /// Records were taken off the end of the log after this reader had begun.
    WasCut { dir: PathBuf },
    /// A log cannot be begun in a `dataLogDir` that has one, or for a `dataDir` that tells of one.
    NotEmpty { dir: PathBuf },
    /// A segment is of another log than the milestone, and stands where that one was cut. Nothing was changed.
    Foreign { file: PathBuf, milestone: PathBuf },
    /// A newer Paddock has written the file.
    Version { file: PathBuf, offset: u64, version: u8 },
}

/// Where a log is damaged, and how one knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The `dataLogDir`, and the `dataDir` where that is known to be another one.
    pub dir: PathBuf,
    pub data_dir: Option<PathBuf>,
    pub file: PathBuf,
    /// Bytes from the file's start.
    pub offset: u64,
    /// The last good record before the damage.
    pub after: Zxid,
    /// What is wrong there, and what proves that it was once right.
    pub evidence: String,
}

impl Damage {
    pub(super) fn set_data_dir(&mut self, data_dir: &Path) {
        self.data_dir = (self.dir != data_dir).then(|| data_dir.to_owned());
    }
}

/// What is missing of a log, and how one knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missing {
    /// The `dataDir` and the `dataLogDir`.
    pub data_dir: PathBuf,
    pub dir: PathBuf,
    /// Where the log was when that was last noted, if it was in another directory.
    pub was_in: Option<PathBuf>,
    /// What is wrong with what is there, and what proves that there was more.
    pub evidence: String,
    /// The last transaction that there is, in the log or in a snapshot.
    pub after: Zxid,
}

impl LogError {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> LogError {
        match source.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT) => LogError::NoSpace { dir: path.parent().unwrap_or(path).to_owned() },
            _ => LogError::Io { action, path: path.to_owned(), source: Arc::new(source) },
        }
    }

    /// The same error, of a log whose `dataDir` is this.
    pub(super) fn of_data_dir(mut self, data_dir: &Path) -> LogError {
        if let LogError::Damaged(damage) = &mut self {
            damage.set_data_dir(data_dir);
        }
        self
    }

    /// Whether something was short that may be had again later: space, descriptors, memory.
    pub fn is_shortage(&self) -> bool {
        match self {
            LogError::NoSpace { .. } => true,
            LogError::Io { source, .. } => is_shortage(source),
            _ => false,
        }
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogError::NoSpace { dir } => write!(
                f,
                "no space is left for the transaction log in {}; free space on that file system",
                dir.display()
            ),
            LogError::Io { action, path, source } => {
                write!(f, "cannot {action} {}: {source}; {}", path.display(), advice(source))
            }
            LogError::Vanished { path } => write!(
                f,
                "the log segment {} was removed or moved away while it was written to, so that nothing more can be made \
                 durable; what was acknowledged before is where the file went",
                path.display()
            ),
            LogError::Unavailable { source } => {
                write!(f, "io_uring cannot be used here: {source}; choose the method `auto` or `thread`")
            }
            LogError::Identity { source } => {
                write!(
                    f,
                    "the system gives no random number, which a new log needs: {source}; see that getrandom works here"
                )
            }
            LogError::Damaged(damage) => damage.fmt(f),
            LogError::Missing(missing) => missing.fmt(f),
            LogError::Gap { file, offset, have, before } => write!(
                f,
                "transactions after {have} up to {before} are missing: {} at offset {offset} goes on after {before}, \
                 but the snapshot and the log before it end at {have}; bring back the snapshot or log that is missing, \
                 or let the server take a copy from its ensemble",
                file.display()
            ),
            LogError::Rejected { file, offset, zxid, reason } => write!(
                f,
                "transaction {zxid} in {} at offset {offset} cannot be replayed: {reason}; \
                 `paddock log check` shows the log",
                file.display()
            ),
            LogError::OutOfRange { from, to, base, last } => {
                write!(
                    f,
                    "transactions after {from} up to {to} are not in the log, which has those after {base} up to {last}"
                )
            }
            LogError::NotInLog { zxid, base, last } => write!(
                f,
                "the log cannot be cut after {zxid}, since that is none of its transactions, which are those after {base} up \
                 to {last}; nothing was changed"
            ),
            LogError::WasCut { dir } => {
                write!(
                    f,
                    "the log in {} was cut while it was read, so that the reader has to begin again",
                    dir.display()
                )
            }
            LogError::NotEmpty { dir } => {
                write!(f, "{} holds a log, or what tells of one, so that none is begun there", dir.display())
            }
            LogError::Foreign { file, milestone } => write!(
                f,
                "{} is of another log than the one of which {} tells, and that one has no such segment since it was cut; move \
                 the file away, or the milestone if the log with the file is to go on; nothing was changed",
                file.display(),
                milestone.display()
            ),
            LogError::Version { file, offset, version } => write!(
                f,
                "{} at offset {offset} has log format {version}, which this version does not know; \
                 start the newer version that wrote it",
                file.display()
            ),
        }
    }
}

/// The directories that a person gives to a command: those around the generation, if the log is in one.
struct Given<'a> {
    dir: &'a Path,
    data_dir: Option<&'a Path>,
}

impl<'a> Given<'a> {
    fn new(dir: &'a Path, data_dir: Option<&'a Path>) -> Given<'a> {
        let (dir, data_dir) = (Generation::above(dir), data_dir.map(Generation::above));
        Given { dir, data_dir: data_dir.filter(|data_dir| *data_dir != dir) }
    }

    /// The option with the `dataDir`, where that is known to be another one.
    fn data_dir_option(&self) -> String {
        self.data_dir.map_or_else(String::new, |data_dir| format!(" --data-dir {}", data_dir.display()))
    }

    fn check_command(&self) -> String {
        format!("`paddock log check {}{}`", self.dir.display(), self.data_dir_option())
    }

    /// The command that goes on with what is there up to a transaction.
    fn cut_command(&self, after: Zxid) -> String {
        format!("`paddock log cut {} --after {after}{}`", self.dir.display(), self.data_dir_option())
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { dir, data_dir, file, offset, after, evidence } = self;
        let given = Given::new(dir, data_dir.as_deref());
        write!(
            f,
            "the transaction log is damaged: {} at offset {offset}: {evidence}; the last good transaction is {after}. \
             {} shows the log; {} drops everything later, acknowledged or not",
            file.display(),
            given.check_command(),
            given.cut_command(*after)
        )
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Missing { data_dir, dir, was_in, evidence, after } = self;
        write!(
            f,
            "transactions of the dataDir {} are missing from the log in the dataLogDir {}: {evidence}. ",
            Generation::above(data_dir).display(),
            Generation::above(dir).display()
        )?;
        match was_in {
            Some(was_in) => write!(
                f,
                "The log was in {}: correct dataLogDir, or move the files {}/log.* to {}. ",
                Generation::above(was_in).display(),
                directory(was_in).display(),
                directory(dir).display()
            )?,
            None => f.write_str("Bring back the files that are missing, or correct dataDir and dataLogDir. ")?,
        }
        let command = Given::new(dir, Some(data_dir)).cut_command(*after);
        write!(
            f,
            "What there is ends with transaction {after}; {command} goes on with that and gives up everything later, \
             acknowledged or not"
        )
    }
}

impl std::error::Error for LogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LogError::Io { source, .. } | LogError::Unavailable { source } | LogError::Identity { source } => {
                Some(source)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::Zxid;

    use super::{Damage, LogError, Missing};

    /// A person has given the directories above, and those are what the commands take.
    #[test]
    fn messages_name_the_directories_around_a_generation() {
        let (data_dir, dir) = ("/data/paddock.generation.2".into(), "/log/paddock.generation.2".into());
        let was_in = Some("/former/paddock.generation.2".into());
        let missing = Missing { data_dir, dir, was_in, evidence: "it ends".to_owned(), after: Zxid(7) };
        let text = LogError::Missing(Box::new(missing)).to_string();
        assert!(
            text.starts_with("transactions of the dataDir /data are missing from the log in the dataLogDir /log: ")
        );
        assert!(text.contains("The log was in /former: correct dataLogDir, or move the files "), "{text}");
        assert!(text.contains("/former/paddock.generation.2/paddock-1/log.* to /log/paddock.generation.2/paddock-1. "));
        assert!(text.contains("`paddock log cut /log --after 0x7 --data-dir /data`"), "{text}");

        let damage = Damage {
            dir: "/log/paddock.generation.2".into(),
            data_dir: Some("/data/paddock.generation.2".into()),
            file: "/log/paddock.generation.2/paddock-1/log.1".into(),
            offset: 512,
            after: Zxid(7),
            evidence: "it is changed".to_owned(),
        };
        let text = LogError::Damaged(Box::new(damage)).to_string();
        assert!(text.contains("/log/paddock.generation.2/paddock-1/log.1 at offset 512"), "{text}");
        assert!(text.contains("`paddock log check /log --data-dir /data` shows the log"), "{text}");
        assert!(text.contains("`paddock log cut /log --after 0x7 --data-dir /data`"), "{text}");
    }
}
