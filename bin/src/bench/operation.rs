//! The operations a run is made of, and how often each is chosen.

use std::fmt;
use std::str::FromStr;

use super::random::Random;

/// Number of operations; the tables below are indexed by `Operation as usize`.
pub const OPERATIONS: usize = 7;

/// One client operation, as ZooKeeper's clients name it (`List` is getChildren).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Operation {
    Get,
    Exists,
    List,
    Set,
    Create,
    Delete,
    Sync,
}

/// What an operation counts as in the summary. `sync` passes the leader but changes nothing: it is neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Read,
    Write,
    Sync,
}

impl Operation {
    pub const ALL: [Operation; OPERATIONS] = [
        Operation::Get,
        Operation::Exists,
        Operation::List,
        Operation::Set,
        Operation::Create,
        Operation::Delete,
        Operation::Sync,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Operation::Get => "get",
            Operation::Exists => "exists",
            Operation::List => "list",
            Operation::Set => "set",
            Operation::Create => "create",
            Operation::Delete => "delete",
            Operation::Sync => "sync",
        }
    }

    pub fn class(self) -> Class {
        match self {
            Operation::Get | Operation::Exists | Operation::List => Class::Read,
            Operation::Set | Operation::Create | Operation::Delete => Class::Write,
            Operation::Sync => Class::Sync,
        }
    }
}

/// Weights of the operations. At least one is above zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mix {
    weights: [u32; OPERATIONS],
    total: u32,
}

/// Largest weight, so that the sum of all fits 32 bits.
const WEIGHT_MAX: u32 = 1_000_000;

impl Mix {
    /// A mix of the given weights; operations not named have weight 0.
    ///
    /// # Panics
    /// If all weights are zero: text from a person goes through [`Mix::from_str`].
    pub fn of(parts: &[(Operation, u32)]) -> Mix {
        let mut weights = [0; OPERATIONS];
        for &(operation, weight) in parts {
            weights[operation as usize] = weight;
        }
        let total = weights.iter().sum();
        assert!(total > 0, "a mix needs at least one operation");
        Mix { weights, total }
    }

    /// `percent` of getData, the rest setData.
    pub fn reads(percent: u32) -> Mix {
        Mix::of(&[(Operation::Get, percent), (Operation::Set, 100 - percent)])
    }

    pub fn weight(&self, operation: Operation) -> u32 {
        self.weights[operation as usize]
    }

    pub fn has(&self, operation: Operation) -> bool {
        self.weight(operation) > 0
    }

    /// Draws one operation in proportion to its weight.
    pub fn pick(&self, random: &mut Random) -> Operation {
        let mut ticket = random.below(u64::from(self.total)) as u32;
        for operation in Operation::ALL {
            let weight = self.weights[operation as usize];
            if ticket < weight {
                return operation;
            }
            ticket -= weight;
        }
        unreachable!("the ticket is below the sum of the weights")
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = Operation::ALL.into_iter().filter(|&operation| self.has(operation));
        for (i, operation) in used.enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{}={}", operation.name(), self.weight(operation))?;
        }
        Ok(())
    }
}

/// Reads `get=90,set=10`.
impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Mix, String> {
        let mut parts: Vec<(Operation, u32)> = Vec::new();
        for part in text.split(',') {
            let (name, weight) =
                part.split_once('=').ok_or(format!("\"{part}\" is not of the form operation=weight"))?;
            let operation = Operation::ALL
                .into_iter()
                .find(|operation| operation.name() == name.trim())
                .ok_or(format!("no operation \"{name}\"; there are get, exists, list, set, create, delete and sync"))?;
            if parts.iter().any(|&(earlier, _)| earlier == operation) {
                return Err(format!("{} is named twice", operation.name()));
            }
            let weight: u32 = weight.trim().parse().map_err(|_| format!("\"{weight}\" is not a whole number"))?;
            if weight > WEIGHT_MAX {
                return Err(format!("the weight {weight} is above {WEIGHT_MAX}"));
            }
            parts.push((operation, weight));
        }
        if parts.iter().all(|&(_, weight)| weight == 0) {
            return Err("all weights are zero".into());
        }
        Ok(Mix::of(&parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_read_and_written_in_one_form() {
        let mix: Mix = "set=10, get=90".parse().unwrap();
        assert_eq!(mix, Mix::reads(90));
        assert_eq!(mix.to_string(), "get=90,set=10");
    }

    #[test]
    fn a_wrong_mix_is_refused_with_its_reason() {
        for (text, reason) in [
            ("get", "not of the form"),
            ("put=1", "no operation"),
            ("get=1,get=2", "twice"),
            ("get=x", "not a whole number"),
            ("get=2000000", "above"),
            ("get=0,set=0", "all weights are zero"),
        ] {
            let refusal = text.parse::<Mix>().unwrap_err();
            assert!(refusal.contains(reason), "{text}: {refusal}");
        }
    }

    #[test]
    fn operations_are_drawn_in_proportion() {
        let mix: Mix = "create=1,set=8,get=45,list=45,delete=1".parse().unwrap();
        let mut random = Random::new(7);
        let mut drawn = [0u32; OPERATIONS];
        for _ in 0..100_000 {
            drawn[mix.pick(&mut random) as usize] += 1;
        }
        for operation in Operation::ALL {
            let expected = mix.weight(operation) * 1000;
            let got = drawn[operation as usize];
            assert!(got.abs_diff(expected) <= expected / 5 + 1, "{}: {got}, not {expected}", operation.name());
        }
    }
}
