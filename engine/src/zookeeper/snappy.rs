//! The stream that Java's `SnappyOutputStream` writes, which is not Snappy's own framing format:
//!
//! ```text
//! 82 "SNAPPY" 00, i32 version 1, i32 compatible version 1, (i32 length, block)*
//! ```
//!
//! A block is raw Snappy. Java compresses 32 KiB at a time. A header may come again between blocks, where streams were
//! put one behind the other.

use std::io::{self, BufRead, ErrorKind, Read, Write};

use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

pub const MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
/// Both versions, behind the magic.
const VERSION: i32 = 1;
/// Bytes that are compressed together.
const BLOCK_BYTES: usize = 32 << 10;
/// Larger blocks are not read, bytes.
const BLOCK_BYTES_MAX: usize = 1 << 20;

fn invalid(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// Reads such a stream.
pub struct SnappyReader<R> {
    input: R,
    decoder: Decoder,
    compressed: Vec<u8>,
    block: Vec<u8>,
    /// Bytes of the block that were given out.
    taken: usize,
}

impl<R: BufRead> SnappyReader<R> {
    pub fn new(mut input: R) -> io::Result<SnappyReader<R>> {
        let mut magic = [0; MAGIC.len()];
        input.read_exact(&mut magic)?;
        if magic != *MAGIC {
            return Err(invalid("it does not begin as Java's Snappy streams do"));
        }
        read_versions(&mut input)?;
        Ok(SnappyReader { input, decoder: Decoder::new(), compressed: Vec::new(), block: Vec::new(), taken: 0 })
    }

    /// Decompresses the next block, which may be empty. `false` at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        if self.input.fill_buf()?.is_empty() {
            return Ok(false);
        }
        let mut length = [0; 4];
        self.input.read_exact(&mut length)?;
        if length == MAGIC[..4] {
            let mut rest = [0; 4];
            self.input.read_exact(&mut rest)?;
            if rest != MAGIC[4..] {
                return Err(invalid("a header between blocks is damaged"));
            }
            read_versions(&mut self.input)?;
            self.block.clear();
            self.taken = 0;
            return Ok(true);
        }
        let length = i32::from_be_bytes(length);
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= max_compress_len(BLOCK_BYTES_MAX))
            .ok_or_else(|| invalid(format!("a block of {length} bytes")))?;
        self.compressed.clear();
        if self.input.by_ref().take(length as u64).read_to_end(&mut self.compressed)? < length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let decompressed = decompress_len(&self.compressed).map_err(invalid)?;
        if decompressed > BLOCK_BYTES_MAX {
            return Err(invalid(format!("a block of {decompressed} bytes")));
        }
        self.block.resize(decompressed, 0);
        self.taken = 0;
        self.decoder.decompress(&self.compressed, &mut self.block).map_err(invalid)?;
        Ok(true)
    }
}

fn read_versions(input: &mut impl Read) -> io::Result<()> {
    let mut versions = [0; 8];
    input.read_exact(&mut versions)?;
    let [version, compatible] = [&versions[..4], &versions[4..]].map(|half| half.try_into().map(i32::from_be_bytes));
    match (version, compatible) {
        (Ok(VERSION..), Ok(VERSION)) => Ok(()),
        _ => Err(invalid("it is of another version of Java's Snappy streams")),
    }
}

impl<R: BufRead> BufRead for SnappyReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.taken == self.block.len() && self.next_block()? {}
        Ok(&self.block[self.taken..])
    }

    fn consume(&mut self, count: usize) {
        self.taken += count;
    }
}

impl<R: BufRead> Read for SnappyReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

/// Writes such a stream. It is whole after [`SnappyWriter::finish`].
pub struct SnappyWriter<W> {
    output: W,
    encoder: Encoder,
    block: Vec<u8>,
    compressed: Vec<u8>,
}

impl<W: Write> SnappyWriter<W> {
    pub fn new(mut output: W) -> io::Result<SnappyWriter<W>> {
        output.write_all(MAGIC)?;
        output.write_all(&VERSION.to_be_bytes())?;
        output.write_all(&VERSION.to_be_bytes())?;
        Ok(SnappyWriter {
            output,
            encoder: Encoder::new(),
            block: Vec::with_capacity(BLOCK_BYTES),
            compressed: vec![0; max_compress_len(BLOCK_BYTES)],
        })
    }

    /// Writes what is left; the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.write_block()?;
        Ok(self.output)
    }

    fn write_block(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let length = self.encoder.compress(&self.block, &mut self.compressed).map_err(invalid)?;
        self.output.write_all(&(length as i32).to_be_bytes())?;
        self.output.write_all(&self.compressed[..length])?;
        self.block.clear();
        Ok(())
    }
}

impl<W: Write> Write for SnappyWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.block.len() == BLOCK_BYTES {
            self.write_block()?;
        }
        let count = bytes.len().min(BLOCK_BYTES - self.block.len());
        self.block.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// What has not filled a block yet stays: a shorter block would make the stream longer.
    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};

    use super::{BLOCK_BYTES, MAGIC, SnappyReader, SnappyWriter};

    fn compressed(bytes: &[u8]) -> Vec<u8> {
        let mut writer = SnappyWriter::new(Vec::new()).unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn decompressed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut read = Vec::new();
        SnappyReader::new(bytes)?.read_to_end(&mut read)?;
        Ok(read)
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        for length in [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES] {
            let bytes: Vec<u8> = (0..length).map(|at| (at / 7) as u8).collect();
            assert_eq!(decompressed(&compressed(&bytes)).unwrap(), bytes);
            let twice = [compressed(&bytes), compressed(&bytes)].concat();
            assert_eq!(decompressed(&twice).unwrap(), bytes.repeat(2));
        }
    }

    /// 40 bytes of "a" as snappy-java 1.1.8 compresses them: a literal, and a copy of the rest.
    #[test]
    fn a_stream_of_javas_is_read() {
        let stream = [&MAGIC[..], &[0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 6, 40, 0, b'a', 0x9a, 1, 0]].concat();
        assert_eq!(decompressed(&stream).unwrap(), [b'a'; 40]);
    }

    #[test]
    fn a_length_that_lies_reserves_nothing() {
        for length in [i32::MAX, 2 << 20, -1] {
            let stream = [&MAGIC[..], &[0, 0, 0, 1, 0, 0, 0, 1], &length.to_be_bytes(), &[0; 9]].concat();
            assert!(decompressed(&stream).is_err(), "{length}");
        }
        // The block itself says that it is 256 MiB.
        let stream = [&MAGIC[..], &[0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 5, 0x80, 0x80, 0x80, 0x80, 1]].concat();
        assert!(decompressed(&stream).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_and_no_change_panic(
            bytes in vec(any::<u8>(), 0..2000),
            at in any::<usize>(),
            flip in any::<u8>(),
        ) {
            let _ = decompressed(&bytes);
            let mut stream = compressed(&bytes);
            let at = at % stream.len();
            let _ = decompressed(&stream[..at]);
            stream[at] ^= flip;
            let _ = decompressed(&stream);
        }
    }
}
