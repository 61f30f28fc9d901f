//! How ZooKeeper compresses a snapshot: `zookeeper.snapshot.compression.method`, and the end of the file's name.

use std::io::{self, BufRead, BufReader, BufWriter, Write};

use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::io::{File, Sequential};

use super::snappy::{self, SnappyReader, SnappyWriter};

/// The first bytes of every gzip file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Compression {
    #[default]
    None,
    Gzip,
    Snappy,
}

impl Compression {
    pub const ALL: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Snappy];

    /// What ends the name of a file.
    pub fn extension(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Snappy => ".snappy",
        }
    }

    /// What a compressed file begins with.
    pub(super) fn magic(self) -> &'static [u8] {
        match self {
            Compression::None => &[],
            Compression::Gzip => &GZIP_MAGIC,
            Compression::Snappy => snappy::MAGIC,
        }
    }

    /// What is in a file.
    pub(super) fn reader(self, file: File) -> io::Result<Box<dyn BufRead>> {
        let file = BufReader::new(Sequential::new(file));
        Ok(match self {
            Compression::None => Box::new(file),
            Compression::Gzip => Box::new(BufReader::new(MultiGzDecoder::new(file))),
            Compression::Snappy => Box::new(SnappyReader::new(file)?),
        })
    }

    pub(super) fn writer(self, file: File) -> io::Result<CompressedWriter> {
        let file = Sequential::new(file);
        Ok(match self {
            Compression::None => CompressedWriter::None(file),
            Compression::Gzip => {
                CompressedWriter::Gzip(GzEncoder::new(BufWriter::new(file), flate2::Compression::default()))
            }
            Compression::Snappy => CompressedWriter::Snappy(Box::new(SnappyWriter::new(BufWriter::new(file))?)),
        })
    }
}

/// A file that is being written.
pub(super) enum CompressedWriter {
    None(Sequential),
    Gzip(GzEncoder<BufWriter<Sequential>>),
    Snappy(Box<SnappyWriter<BufWriter<Sequential>>>),
}

impl CompressedWriter {
    /// Writes what is left; the file.
    pub fn finish(self) -> io::Result<File> {
        let buffered = match self {
            CompressedWriter::None(file) => return Ok(file.file),
            CompressedWriter::Gzip(writer) => writer.finish()?,
            CompressedWriter::Snappy(writer) => writer.finish()?,
        };
        buffered.into_inner().map(|file| file.file).map_err(|error| error.into_error())
    }
}

impl Write for CompressedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            CompressedWriter::None(file) => file.write(bytes),
            CompressedWriter::Gzip(writer) => writer.write(bytes),
            CompressedWriter::Snappy(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            CompressedWriter::None(file) => file.flush(),
            CompressedWriter::Gzip(writer) => writer.flush(),
            CompressedWriter::Snappy(writer) => writer.flush(),
        }
    }
}
