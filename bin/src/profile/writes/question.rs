//! A question to an AdminServer, by HTTP, and the answer to it.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use paddock_consensus::config::HostPort;

use crate::security::Security;
use crate::status::word::{PATIENCE, reach, too_late};

/// A longer answer is none: all that a server keeps of groups and versions has about a megabyte.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// The body of what is at this path, within a bounded time.
pub fn get(server: &HostPort, security: &Security, path: &str) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + PATIENCE;
    let mut stream = reach(server, security)?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let (mut answer, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        if let Some(body) = body_of(&answer)? {
            return Ok(body.to_vec());
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(too_late());
        }
        stream.socket().set_read_timeout(Some(left))?;
        match stream.read(&mut chunk) {
            Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "its answer ends too early")),
            Ok(read) => answer.extend_from_slice(&chunk[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Err(too_late()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if answer.len() > ANSWER_BYTES_MAX {
            return Err(io::Error::new(ErrorKind::InvalidData, "its answer has no end"));
        }
    }
}

/// The body, once all of it is there.
fn body_of(answer: &[u8]) -> io::Result<Option<&[u8]>> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&answer[..end]);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.")?.split(' ').nth(1));
    if status != Some("200") {
        let status: String = status.unwrap_or("none").chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        return Err(io::Error::other(format!("it answers with status {status}")));
    }
    let mut headers = lines.filter_map(|line| line.split_once(':'));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length
        .and_then(|(_, length)| length.trim().parse().ok())
        .filter(|length| *length <= ANSWER_BYTES_MAX)
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "it does not say how long its answer is"))?;
    let body = &answer[end + 4..];
    Ok((body.len() >= length).then(|| &body[..length]))
}

#[cfg(test)]
mod tests {
    use super::body_of;

    #[test]
    fn a_body_is_there_when_all_of_it_is() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        for length in 0..answer.len() {
            assert!(body_of(&answer[..length]).expect("it is well formed").is_none(), "{length}");
        }
        assert_eq!(body_of(answer).expect("it is well formed"), Some(&b"abc"[..]));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for answer in [
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "x\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n",
        ] {
            assert!(body_of(answer.as_bytes()).is_err(), "{answer}");
        }
    }
}
