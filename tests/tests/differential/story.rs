//! What led to a difference: the requests on the same paths, with what both servers answered.
use crate::lane::Happening;
use crate::paths::related;
use paddock_tests::records::xid;
use paddock_tests::request::Request;
use std::collections::VecDeque;
use std::fmt::Write as _;

/// Steps that the story tells at most.
const STORY_MAX: usize = 40;
/// Bytes of a znode's data that the story shows.
const BYTES_MAX: usize = 4;
/// Characters of one line of the story.
const LINE_MAX: usize = 900;

/// One request of the past, with its answer.
pub struct Told {
    pub lane: usize,
    pub request: Request,
    pub happenings: Vec<Happening>,
}

/// The story of a burst: its requests, and the last ones before it that touch the same paths.
pub fn of(history: &VecDeque<Told>, requests: &[Request]) -> String {
    let mut text =
        format!("the burst (xids of ping {}, auth {}, setWatches {}):\n", xid::PING, xid::AUTH, xid::SET_WATCHES);
    for request in requests {
        let _ = writeln!(text, "  {}", clipped(&format!("{request:?}")));
    }
    let paths: Vec<&str> = requests.iter().flat_map(Request::paths).collect();
    let touches = |told: &&Told| told.request.paths().iter().any(|path| paths.iter().any(|one| related(one, path)));
    let mut story: Vec<&Told> = history.iter().rev().filter(touches).take(STORY_MAX).collect();
    story.reverse();
    let _ = writeln!(text, "the last requests on these paths, and what both servers answered:");
    for told in story {
        let _ = writeln!(text, "  lane {}: {}", told.lane, clipped(&format!("{:?}", told.request)));
        let _ = writeln!(text, "      {}", clipped(&format!("{:?}", told.happenings)));
    }
    text
}

/// The first of these happenings.
pub fn told(happenings: &[Happening]) -> String {
    clipped(&format!("{:?}", happenings.first()))
}

/// Long runs of bytes say nothing in a story: `[1, 2, 3, ...]` becomes `[1, 2, 3, 4, .. 60 bytes]`; and no line is endless.
fn clipped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let (before, list) = rest.split_at(open);
        out.push_str(before);
        let end =
            list[1..].find(|c: char| !(c.is_ascii_digit() || c == ',' || c == ' ')).map_or(list.len(), |end| end + 1);
        let numbers = list[1..end].split(", ").count();
        if numbers > BYTES_MAX {
            let shown = list[1..end].split(", ").take(BYTES_MAX).collect::<Vec<_>>().join(", ");
            let _ = write!(out, "[{shown}, .. {numbers} bytes");
        } else {
            out.push_str(&list[..end]);
        }
        rest = &list[end..];
    }
    out.push_str(rest);
    match out.char_indices().nth(LINE_MAX) {
        None => out,
        Some((end, _)) => format!("{}... (cut)", &out[..end]),
    }
}
