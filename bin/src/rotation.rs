//! A file of lines that is followed by another one when it is full: `file`, and behind it the former ones, `file.1` (the
//! newest), `file.2`, and so on.
//!
//! No line is divided between two files. Where the file cannot be exchanged it grows on, and that is tried again when as
//! much has been written once more: lines are worth more than the bound. What somebody else has renamed is written to until
//! [`RotatingFile::reopen`]. Nothing is synced: neither log is what an answer rests on.

#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where lines go, and how much of them stays.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rotation {
    pub path: PathBuf,
    /// A file that would be longer is exchanged; only a longer line makes one longer.
    pub bytes_max: u64,
    /// Former files that stay. Where it is none, a full file is emptied.
    pub files: u32,
    /// The permissions of a new file, from which the umask takes.
    pub mode: u32,
    /// A directory that is missing is made.
    pub makes_dir: bool,
}

pub struct RotatingFile {
    rotation: Rotation,
    file: File,
    bytes: u64,
    /// It is exchanged before it has more bytes than this. What is no regular file has no such bound.
    bytes_max: u64,
    /// What was written last is a whole line.
    is_at_line_start: bool,
    /// Why the file could not be exchanged, until that is taken.
    trouble: Option<io::Error>,
}

/// A file as it was opened.
struct Opened {
    file: File,
    bytes: u64,
    is_regular: bool,
}

impl RotatingFile {
    /// Opens the file, behind what it has; makes it where it is missing.
    pub fn open(rotation: Rotation) -> io::Result<RotatingFile> {
        let opened = open(&rotation)?;
        let bytes_max = if opened.is_regular { rotation.bytes_max } else { u64::MAX };
        let Opened { file, bytes, .. } = opened;
        Ok(RotatingFile { rotation, file, bytes, bytes_max, is_at_line_start: true, trouble: None })
    }

    /// Opens what has the file's name now. If that cannot be done, the former one is still written to.
    pub fn reopen(&mut self) -> io::Result<()> {
        *self = RotatingFile { trouble: self.trouble.take(), ..RotatingFile::open(self.rotation.clone())? };
        Ok(())
    }

    pub fn path(&self) -> &Path {
        &self.rotation.path
    }

    /// Why the file could not be exchanged for another one, if that was so since this was asked last.
    pub fn take_trouble(&mut self) -> Option<io::Error> {
        self.trouble.take()
    }

    fn make_room(&mut self) {
        match self.exchange() {
            Ok(()) => self.bytes_max = self.rotation.bytes_max,
            Err(error) => {
                self.bytes_max = self.bytes.saturating_add(self.rotation.bytes_max);
                self.trouble = Some(error);
            }
        }
    }

    fn exchange(&mut self) -> io::Result<()> {
        let Rotation { path, files, .. } = &self.rotation;
        if *files == 0 {
            self.file.set_len(0)?;
            self.bytes = 0;
            return Ok(());
        }
        for number in (1..*files).rev() {
            rename(&former(path, number), &former(path, number + 1))?;
        }
        // Where somebody else has renamed it, there is nothing to be renamed.
        rename(path, &former(path, 1))?;
        let Opened { file, bytes, .. } = open(&self.rotation)?;
        (self.file, self.bytes) = (file, bytes);
        Ok(())
    }

    /// Whole lines, as many as there is room for, but one at least. In the middle of a line, its rest at least.
    fn fitting<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let room = usize::try_from(self.bytes_max.saturating_sub(self.bytes)).unwrap_or(usize::MAX);
        if bytes.len() <= room {
            return bytes;
        }
        match bytes[..room].iter().rposition(|byte| *byte == b'\n') {
            Some(end) => &bytes[..=end],
            None => &bytes[..first_line(bytes)],
        }
    }
}

impl Write for RotatingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_full = self.bytes.saturating_add(first_line(bytes) as u64) > self.bytes_max;
        if self.is_at_line_start && self.bytes > 0 && is_full {
            self.make_room();
        }
        let bytes = self.fitting(bytes);
        let written = self.file.write(bytes)?;
        self.bytes = self.bytes.saturating_add(written as u64);
        if let Some(last) = bytes[..written].last() {
            self.is_at_line_start = *last == b'\n';
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The length of the first line with its end, or of all where no line ends.
fn first_line(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1)
}

/// The name of the former file of this number.
fn former(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    }
}

fn open(rotation: &Rotation) -> io::Result<Opened> {
    if let Some(dir) = rotation.path.parent().filter(|dir| rotation.makes_dir && !dir.as_os_str().is_empty()) {
        fs::create_dir_all(dir)?;
    }
    let _reader = keep_read(&rotation.path)?;
    let mut file = OpenOptions::new().create(true).append(true).mode(rotation.mode).open(&rotation.path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Ok(Opened { file, bytes: 0, is_regular: false });
    }
    let mut bytes = about.len();
    // A crash or a full disk may have left a line without its end, which is not to run into the next one.
    if bytes > 0 && !ends_a_line(&rotation.path)? {
        file.write_all(b"\n")?;
        bytes += 1;
    }
    Ok(Opened { file, bytes, is_regular: true })
}

/// Refuses a FIFO that nobody reads: whoever opens that to write waits for a reader, and a start would hang. Where there is one, what
/// is returned is another until the file is open, so that nobody waits if the first one goes just now.
fn keep_read(path: &Path) -> io::Result<Option<File>> {
    if !fs::metadata(path).is_ok_and(|about| about.file_type().is_fifo()) {
        return Ok(None);
    }
    let open = |options: &mut OpenOptions| options.custom_flags(libc::O_NONBLOCK).open(path);
    match open(OpenOptions::new().write(true)) {
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
            let what = "it is a FIFO that nobody reads; start its reader first, or name a file";
            Err(io::Error::new(ErrorKind::NotConnected, what))
        }
        Err(error) => Err(error),
        Ok(_) => open(OpenOptions::new().read(true)).map(Some),
    }
}

fn ends_a_line(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == [b'\n'])
}
