//! The oracle of an ensemble of two: what says whether one server goes on while the other is gone.

use alloc::vec::Vec;

use crate::output::Output;

/// Its word holds for the step in which it comes and no longer: whoever grants may take that back at any moment, and grant it to
/// the other server. So it is asked again each time that it matters.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) enum Oracle {
    #[default]
    Unasked,
    Asked,
    /// In this step this server may go on alone.
    Granted,
}

impl Oracle {
    /// One question is under way at a time.
    pub(crate) fn ask(&mut self, out: &mut Vec<Output>) {
        if *self == Oracle::Unasked {
            *self = Oracle::Asked;
            out.push(Output::AskOracle);
        }
    }

    pub(crate) fn hear(&mut self, grants: bool) {
        *self = if grants { Oracle::Granted } else { Oracle::Unasked };
    }

    pub(crate) fn grants(self) -> bool {
        self == Oracle::Granted
    }

    /// The step is over.
    pub(crate) fn end_step(&mut self) {
        if self.grants() {
            *self = Oracle::Unasked;
        }
    }
}
