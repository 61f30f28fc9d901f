//! The kinds of watch, and how clients name them.

use paddock_engine::event::EventKind;

/// The kinds of watch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(usize)]
pub enum Kind {
    /// Of getData and exists.
    Data,
    /// Of getChildren.
    Child,
    Persistent,
    /// Persistent, for the znode and all below.
    Recursive,
}

impl Kind {
    pub const COUNT: usize = 4;
    /// Every kind.
    pub const ALL: [Kind; Kind::COUNT] = [Kind::Data, Kind::Child, Kind::Persistent, Kind::Recursive];

    /// Of addWatch's modes.
    pub fn of_mode(mode: i32) -> Option<Kind> {
        match mode {
            0 => Some(Kind::Persistent),
            1 => Some(Kind::Recursive),
            _ => None,
        }
    }

    /// Those that an event uses up.
    pub fn used_up_by(event: EventKind) -> &'static [Kind] {
        match event {
            EventKind::Created | EventKind::DataChanged => &[Kind::Data],
            EventKind::ChildrenChanged => &[Kind::Child],
            EventKind::Deleted => &[Kind::Data, Kind::Child],
        }
    }

    /// What checkWatches and removeWatches mean by a type.
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
