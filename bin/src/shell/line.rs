//! The lines that a program gives on stdin, each with a bound.

use std::io::{self, BufRead};

/// A longer line is none: the shell would have to hold it. Data for a znode may be as long as a request.
pub const BYTES_MAX: usize = 16 << 20;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Read {
    /// Without its end.
    Line(String),
    /// All of it was passed over, so that no part of it is taken for a line of its own.
    TooLong,
    End,
}

/// The next line. What is no UTF-8 reads as U+FFFD, as in Java.
pub fn read(input: &mut impl BufRead) -> io::Result<Read> {
    read_within(input, BYTES_MAX)
}

fn read_within(input: &mut impl BufRead, bytes_max: usize) -> io::Result<Read> {
    let mut line = Vec::new();
    let mut is_too_long = false;
    let mut has_begun = false;
    loop {
        let piece = match input.fill_buf() {
            Ok(piece) => piece,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if piece.is_empty() {
            break;
        }
        has_begun = true;
        let end = piece.iter().position(|byte| *byte == b'\n');
        let text = &piece[..end.unwrap_or(piece.len())];
        is_too_long |= line.len() + text.len() > bytes_max;
        if !is_too_long {
            line.extend_from_slice(text);
        }
        let taken = end.map_or(piece.len(), |end| end + 1);
        input.consume(taken);
        if end.is_some() {
            break;
        }
    }
    if !has_begun {
        return Ok(Read::End);
    }
    if is_too_long {
        return Ok(Read::TooLong);
    }
    let text = String::from_utf8_lossy(&line);
    Ok(Read::Line(text.strip_suffix('\r').unwrap_or(&text).to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::{Read, read_within};

    #[test]
    fn lines_end_with_new_lines_or_with_the_input() {
        // Pieces of three bytes, so that lines go across them.
        let mut input = BufReader::with_capacity(3, &b"ls /\r\n\nfar too long\nget\xff"[..]);
        let mut next = || read_within(&mut input, 6).expect("a slice does not fail");
        let line = |text: &str| Read::Line(text.to_owned());
        assert_eq!([next(), next(), next()], [line("ls /"), line(""), Read::TooLong]);
        assert_eq!([next(), next()], [line("get\u{fffd}"), Read::End]);
    }
}
