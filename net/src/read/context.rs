//! What a read is answered from, and for whom.

use paddock_engine::acl::{Authority, Id};
use paddock_engine::error::Code;
use paddock_engine::jute::Malformed;
use paddock_engine::tree::{View, Znode};

use super::figures::ReadFigures;
use crate::watch::Watches;

/// A reply to several reads in one request has no more bytes than so many frames of the longest kind.
const REPLY_FRAMES_MAX: usize = 16;

/// What a read may look at.
pub struct ReadContext<'a> {
    pub view: View<'a>,
    /// The newest transaction in the view.
    pub zxid: i64,
    pub authority: &'a Authority,
    pub watches: &'a mut Watches,
    /// Where it is counted what was read.
    pub figures: &'a mut ReadFigures,
    /// The longest frame that clients may send, bytes.
    pub frame_max: usize,
}

/// The connection that reads.
#[derive(Clone, Copy)]
pub struct ReadCaller<'a> {
    pub slot: u32,
    /// The identities by which the read is judged.
    pub ids: &'a [Id],
    /// Whether it may ask for ClickHouse Keeper's operations.
    pub keeper: bool,
}

impl<'v> ReadContext<'v> {
    /// The znode, if it is there and the caller has one of the asked permissions.
    pub fn permitted(&self, caller: ReadCaller<'_>, path: &str, asked: i32) -> Result<Znode<'v>, Code> {
        let znode = self.view.get(path).ok_or(Code::NoNode)?;
        if self.authority.permits(znode.acl(), asked, caller.ids) { Ok(znode) } else { Err(Code::NoAuth) }
    }

    /// The longest reply to several reads in one request, bytes.
    pub fn reply_max(&self) -> usize {
        REPLY_FRAMES_MAX * self.frame_max
    }
}

/// The error of a request that cannot be decoded.
pub fn malformed(_: Malformed) -> Code {
    Code::Marshalling
}
