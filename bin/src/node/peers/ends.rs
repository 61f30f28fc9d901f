//! All links of the quorum port, by their streams and by their numbers.

use std::collections::BTreeMap;

use paddock_consensus::config::Configs;
use paddock_consensus::input::Link;
use paddock_consensus::settings::Ms;

use super::link::{LinkEnd, Side};
use super::links::StreamId;
use super::strangers::{UNKNOWN_LINKS, is_member};

#[derive(Default, Debug)]
pub struct Ends {
    by_stream: BTreeMap<StreamId, LinkEnd>,
    /// Those that have a number.
    by_link: BTreeMap<Link, StreamId>,
    /// The number that was given last.
    last_link: u32,
}

impl Ends {
    pub fn insert(&mut self, end: LinkEnd) {
        self.by_stream.insert(end.stream, end);
    }

    /// Gives a link the next number. `None` if all have been given.
    pub fn number(&mut self, stream: StreamId) -> Option<Link> {
        let end = self.by_stream.get_mut(&stream).expect("only a link is given a number");
        self.last_link = self.last_link.checked_add(1)?;
        let link = Link(self.last_link);
        end.link = Some(link);
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
        if let Some(end) = self.by_link.remove(&link).and_then(|stream| self.by_stream.get_mut(&stream)) {
            end.bid_farewell(deadline);
        }
    }

    pub fn remove(&mut self, stream: StreamId) -> Option<LinkEnd> {
        let end = self.by_stream.remove(&stream)?;
        if let Some(link) = end.link {
            self.by_link.remove(&link);
        }
        Some(end)
    }

    pub fn contains(&self, stream: StreamId) -> bool {
        self.by_stream.contains_key(&stream)
    }

    pub fn at(&self, stream: StreamId) -> Option<&LinkEnd> {
        self.by_stream.get(&stream)
    }

    pub fn at_mut(&mut self, stream: StreamId) -> Option<&mut LinkEnd> {
        self.by_stream.get_mut(&stream)
    }

    /// The stream of a link.
    pub fn stream_of(&self, link: Link) -> Option<StreamId> {
        self.by_link.get(&link).copied()
    }

    pub fn of_mut(&mut self, link: Link) -> Option<&mut LinkEnd> {
        self.by_stream.get_mut(self.by_link.get(&link)?)
    }

    /// The link to this server's leader.
    pub fn master(&self) -> Option<&LinkEnd> {
        self.iter().find(|end| end.side != Side::Master && end.link.is_some())
    }

    /// The same.
    pub fn master_mut(&mut self) -> Option<&mut LinkEnd> {
        self.by_stream.values_mut().find(|end| end.side != Side::Master && end.link.is_some())
    }

    pub fn iter(&self) -> impl Iterator<Item = &LinkEnd> {
        self.by_stream.values()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut LinkEnd> {
        self.by_stream.values_mut()
    }

    /// The first link of this stream or a later one.
    pub fn first_from(&mut self, stream: StreamId) -> Option<&mut LinkEnd> {
        self.by_stream.range_mut(stream..).next().map(|(_, end)| end)
    }

    /// Where there are too many connections that have not said who they are, or are of servers in no configuration: the
    /// oldest of the first kind, or else of the other.
    pub fn stranger_too_many(&self, configs: &Configs) -> Option<StreamId> {
        let is_strange = |end: &&LinkEnd| end.server.is_none_or(|server| !is_member(configs, server));
        if self.iter().filter(is_strange).count() <= UNKNOWN_LINKS {
            return None;
        }
        let oldest = self.iter().filter(is_strange).min_by_key(|end| (end.link.is_some(), end.stream));
        oldest.map(|end| end.stream)
    }
}
