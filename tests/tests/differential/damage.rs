//! Good requests of which the body was cut, lengthened or spoilt.
use crate::generator::Generator;
use paddock_tests::jute::Writer;
use paddock_tests::records::op;
use paddock_tests::request::Request;

/// What is written over a count or a length (-1, -2, far too large), or over text (bytes that are not UTF-8).
const DAMAGES: [[u8; 4]; 5] =
    [[0xff; 4], [0xff, 0xff, 0xff, 0xfe], [0x7f, 0xff, 0xff, 0xff], [0x80, 0, 0, 0], [0xc3, 0x28, 0xff, 0xc0]];

impl Generator {
    pub fn damaged(&mut self) -> Request {
        let good = loop {
            let request = self.request();
            if self.may_be_damaged(&request) {
                break request;
            }
        };
        let opcode = good.opcode();
        let mut body = Writer::default();
        good.write_body(&mut body);
        let mut body = body.bytes;
        match self.random.below(3) {
            0 => body.truncate(self.random.below(body.len().max(1))),
            1 if opcode != op::CHECK_WATCHES => {
                let length = 1 + self.random.below(12);
                body.extend_from_slice(&self.random.bytes(length));
            }
            _ if body.len() >= 4 && may_be_overwritten(&good) => {
                let damage = *self.random.pick(&DAMAGES);
                // See `versions` for a null path in a multi, and of a persistent watch.
                let is_null = damage == [0xff; 4] && matches!(opcode, op::MULTI | op::ADD_WATCH | op::SET_WATCHES2);
                let damage = if is_null { [0x80, 0, 0, 1] } else { damage };
                let place = if self.random.one_in(2) { 0 } else { self.random.below(body.len() - 3) };
                body[place..place + 4].copy_from_slice(&damage);
            }
            _ => body.clear(),
        }
        Request::Raw { opcode, body }
    }

    /// Damage must not make something of a request that is not generated, see `versions`: a create2 in a multi, or a watch
    /// of another kind than the path's.
    fn may_be_damaged(&self, request: &Request) -> bool {
        match request {
            Request::Multi { members, .. } => members.len() == 1 && members[0].opcode() != op::CREATE2,
            Request::Bare { .. } | Request::PathWatch { opcode: op::EXISTS, .. } => false,
            Request::PathWatch { path, .. } => self.is_standard(path.as_deref()),
            _ => true,
        }
    }
}

/// See `versions` for the flags of a create in a multi, and for checkWatches.
fn may_be_overwritten(request: &Request) -> bool {
    match request {
        Request::Multi { members, .. } => !members.iter().any(|member| matches!(member, Request::Create { .. })),
        request => request.opcode() != op::CHECK_WATCHES,
    }
}
