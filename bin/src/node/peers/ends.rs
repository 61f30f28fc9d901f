//! All links of the quorum port, by their streams and by their numbers.

use std::collections::BTreeMap;

use paddock_consensus::ServerId;
use paddock_consensus::config::Configs;
use paddock_consensus::input::Link;
use paddock_consensus::settings::Ms;

use super::link::{LinkEnd, Side};
use super::links::StreamId;
use super::strangers::{UNKNOWN_LINKS, is_member};

#[derive(Default, Debug)]
pub struct Ends {
    /// In ascending order of their streams. They are few, and each turn looks at all of them.
    by_stream: Vec<LinkEnd>,
    /// Those that have a number.
    by_link: BTreeMap<Link, StreamId>,
    /// The number that was given last.
    last_link: u32,
}

impl Ends {
    pub fn insert(&mut self, end: LinkEnd) {
        let place = self.place(end.stream).expect_err("a stream is one link");
        self.by_stream.insert(place, end);
    }

    /// Where the link of a stream is, or would be.
    fn place(&self, stream: StreamId) -> Result<usize, usize> {
        self.by_stream.binary_search_by_key(&stream, |end| end.stream)
    }

    /// Gives a link the next number. `None` if all have been given.
    pub fn number(&mut self, stream: StreamId) -> Option<Link> {
        let place = self.place(stream).expect("only a link is given a number");
        self.last_link = self.last_link.checked_add(1)?;
        let link = Link(self.last_link);
        self.by_stream[place].link = Some(link);
        self.by_link.insert(link, stream);
        Some(link)
    }

    /// The link that was given its number last.
    #[cfg(test)]
    pub fn newest(&self) -> Link {
        Link(self.last_link)
    }

    /// A link has no number any more, and is kept until what waits for it has gone out, or until the deadline.
    pub fn bid_farewell(&mut self, link: Link, deadline: Ms) {
        if let Some(end) = self.by_link.remove(&link).and_then(|stream| self.at_mut(stream)) {
            end.bid_farewell(deadline);
        }
    }

    pub fn remove(&mut self, stream: StreamId) -> Option<LinkEnd> {
        let end = self.by_stream.remove(self.place(stream).ok()?);
        if let Some(link) = end.link {
            self.by_link.remove(&link);
        }
        Some(end)
    }

    /// The link of a server that has told who it is.
    pub fn of_server(&self, server: ServerId) -> Option<&LinkEnd> {
        self.by_stream.iter().find(|end| end.server == Some(server))
    }

    pub fn contains(&self, stream: StreamId) -> bool {
        self.place(stream).is_ok()
    }

    pub fn at(&self, stream: StreamId) -> Option<&LinkEnd> {
        Some(&self.by_stream[self.place(stream).ok()?])
    }

    pub fn at_mut(&mut self, stream: StreamId) -> Option<&mut LinkEnd> {
        let place = self.place(stream).ok()?;
        Some(&mut self.by_stream[place])
    }

    /// The stream of a link.
    pub fn stream_of(&self, link: Link) -> Option<StreamId> {
        self.by_link.get(&link).copied()
    }

    pub fn of_mut(&mut self, link: Link) -> Option<&mut LinkEnd> {
        self.at_mut(self.stream_of(link)?)
    }

    /// The link to this server's leader.
    pub fn master(&self) -> Option<&LinkEnd> {
        self.iter().find(|end| end.side != Side::Master && end.link.is_some())
    }

    /// The same.
    pub fn master_mut(&mut self) -> Option<&mut LinkEnd> {
        self.by_stream.iter_mut().find(|end| end.side != Side::Master && end.link.is_some())
    }

    pub fn iter(&self) -> impl Iterator<Item = &LinkEnd> {
        self.by_stream.iter()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut LinkEnd> {
        self.by_stream.iter_mut()
    }

    /// The first link of this stream or a later one.
    pub fn first_from(&mut self, stream: StreamId) -> Option<&mut LinkEnd> {
        let first = self.by_stream.partition_point(|end| end.stream < stream);
        self.by_stream.get_mut(first)
    }

    /// Where there are too many connections that have not said who they are, or are of servers in no configuration: the
    /// oldest of the first kind, or else of the other.
    pub fn stranger_too_many(&self, configs: &Configs) -> Option<StreamId> {
        let is_strange =
            |end: &&LinkEnd| end.side == Side::Master && end.server.is_none_or(|server| !is_member(configs, server));
        if self.iter().filter(is_strange).count() <= UNKNOWN_LINKS {
            return None;
        }
        let oldest = self.iter().filter(is_strange).min_by_key(|end| (end.link.is_some(), end.stream));
        oldest.map(|end| end.stream)
    }
}
