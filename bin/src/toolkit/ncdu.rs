//! A tree of znodes in the form of ncdu, a program that shows which directories of a disk are large.

use std::io;
use std::time::UNIX_EPOCH;

use paddock_engine::io::Files;
use paddock_engine::path::ROOT;
use paddock_engine::tree::Znode;
use serde_json::json;

use crate::answer::Answer;
use crate::snapshot::by_path::level;

/// The number of the first znode, which ncdu has to tell one from another.
const FIRST_NUMBER: usize = 1001;

/// All znodes of a tree in one line: those with children are lists, which have themselves first.
pub fn tell(znodes: &[Znode<'_>], answer: &mut Answer) -> io::Result<()> {
    let ms = Files::Real.now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let about = json!({"progname": "paddock", "progver": env!("CARGO_PKG_VERSION"), "timestamp": ms});
    answer.text(format_args!("[1,0,{about}"))?;
    // Those around the znode that comes next, once the others are closed.
    let mut open = 0;
    for (number, znode) in (FIRST_NUMBER..).zip(znodes) {
        close(&mut open, level(znode.path()), answer)?;
        let object = object(znode, number);
        if znode.num_children() > 0 {
            answer.text(format_args!(",[{object}"))?;
            open += 1;
        } else {
            answer.text(format_args!(",{object}"))?;
        }
    }
    close(&mut open, 0, answer)?;
    answer.line(format_args!("]"))
}

fn close(open: &mut usize, until: usize, answer: &mut Answer) -> io::Result<()> {
    while *open > until {
        answer.text(format_args!("]"))?;
        *open -= 1;
    }
    Ok(())
}

fn object(znode: &Znode<'_>, number: usize) -> String {
    let path = znode.path();
    let name = if path == ROOT { ROOT } else { path.rsplit('/').next().unwrap_or(path) };
    let bytes = znode.data().map_or(0, <[u8]>::len);
    // The order of the fields is that of ncdu.
    format!("{{\"name\":{},\"asize\":{bytes},\"dsize\":{bytes},\"dev\":0,\"ino\":{number}}}", json!(name))
}
