//! Errors on demand.

/// What is done to a simulated disk. The moment before each is one at which the power may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// A name for a new file or directory.
    Create,
    Write,
    SetLength,
    SyncFile,
    SyncDirectory,
    Rename,
    Unlink,
    /// The start of a write that goes on meanwhile.
    Submit,
    /// Its end.
    Complete,
}

/// What happens instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// It fails with this number. A failed sync loses what is pending.
    Fails(i32),
    /// It succeeds and does nothing: a program that leaves it out, or a disk that lies. A write that completes is not made
    /// durable.
    IsLeftOut,
}

/// From the operation of this kind that comes after `skipped` others, `times` of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    pub operation: Operation,
    pub skipped: u64,
    pub times: u64,
    pub effect: Effect,
}

/// The faults that are to come.
#[derive(Clone, Default, Debug)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What happens to an operation that is about to be done, unless that is just done.
    pub fn meet(&mut self, operation: Operation) -> Option<Effect> {
        let mut met = None;
        for fault in self.0.iter_mut().filter(|fault| fault.operation == operation) {
            if fault.skipped > 0 {
                fault.skipped -= 1;
            } else if fault.times > 0 && met.is_none() {
                fault.times -= 1;
                met = Some(fault.effect);
            }
        }
        met
    }
}

#[cfg(test)]
mod tests {
    use super::{Effect, Fault, Faults, Operation};

    #[test]
    fn a_fault_comes_when_it_is_due() {
        let mut faults = Faults::default();
        let effect = Effect::Fails(5);
        faults.add(Fault { operation: Operation::Write, skipped: 1, times: 2, effect });
        assert_eq!(faults.meet(Operation::Rename), None);
        let met: Vec<bool> = (0..4).map(|_| faults.meet(Operation::Write) == Some(effect)).collect();
        assert_eq!(met, [false, true, true, false]);
    }
}
