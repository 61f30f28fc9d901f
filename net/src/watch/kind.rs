//! The kinds of watch, and how clients name them.

use paddock_engine::event::EventKind;

/// The kinds of watch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(usize)]
pub enum Kind {
    /// A watch of getData or exists.
    Data,
    /// A watch of getChildren.
    Child,
    /// A persistent watch of one path.
    Persistent,
    /// A persistent watch of a path and all below it.
    Recursive,
}

impl Kind {
    pub const COUNT: usize = 4;
    /// Every kind.
    pub const ALL: [Kind; Kind::COUNT] = [Kind::Data, Kind::Child, Kind::Persistent, Kind::Recursive];

    /// The kind that a mode of addWatch means.
    pub fn of_mode(mode: i32) -> Option<Kind> {
        match mode {
            0 => Some(Kind::Persistent),
            1 => Some(Kind::Recursive),
            _ => None,
        }
    }

    /// The kinds that an event uses up.
    pub fn used_up_by(event: EventKind) -> &'static [Kind] {
        match event {
            EventKind::Created | EventKind::DataChanged => &[Kind::Data],
            EventKind::ChildrenChanged => &[Kind::Child],
            EventKind::Deleted => &[Kind::Data, Kind::Child],
        }
    }

    /// The kinds that checkWatches and removeWatches mean by a type.
    pub fn of_type(number: i32) -> Option<&'static [Kind]> {
        match number {
            1 => Some(&[Kind::Child]),
            2 => Some(&[Kind::Data]),
            3 => Some(&Kind::ALL),
            4 => Some(&[Kind::Persistent]),
            5 => Some(&[Kind::Recursive]),
            _ => None,
        }
    }
}
