//! The role of a server that looks for a leader, with what it is for clients meanwhile.

use crate::election::Looking;
use crate::output::{Output, Part, Serve};
use crate::settings::Ms;
use crate::step::Step;

/// How long a server looks in vain before it serves reads; a longer tick takes its place.
const READ_ONLY_AFTER: Ms = Ms(2000);

#[derive(Clone, Debug)]
pub(crate) struct Search {
    pub(crate) looking: Looking,
    read_only: ReadOnly,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ReadOnly {
    Never,
    At(Ms),
    Serving,
}

impl Search {
    pub(crate) fn begin(looking: Looking, step: &Step<'_>) -> Search {
        let settings = &step.server.settings;
        let read_only = match settings.read_only_mode {
            true => ReadOnly::At(step.now.after(READ_ONLY_AFTER.max(settings.tick))),
            false => ReadOnly::Never,
        };
        Search { looking, read_only }
    }

    pub(crate) fn deadline(&self) -> Option<Ms> {
        let read_only = match self.read_only {
            ReadOnly::At(at) => Some(at),
            ReadOnly::Never | ReadOnly::Serving => None,
        };
        [self.looking.deadline(), read_only].into_iter().flatten().min()
    }

    /// No leader was found at this moment.
    pub(crate) fn look_at_clock(&mut self, step: &mut Step<'_>) {
        if let ReadOnly::At(at) = self.read_only
            && at <= step.now
        {
            self.read_only = ReadOnly::Serving;
            step.put(Output::Become(Part::Looking, Serve::ReadOnly));
        }
    }

    /// A leader was found.
    pub(crate) fn end(&self, step: &mut Step<'_>) {
        if self.read_only == ReadOnly::Serving {
            step.put(Output::Become(Part::Looking, Serve::No));
        }
    }
}
