//! `du`: znodes and bytes of data of each subtree, each after those in it.

use serde_json::json;

use super::levels;
use crate::shell::complaint::Complaint;
use crate::shell::stage::Stage;
use crate::shell::syntax::DU;
use crate::shell::walk::Walk;

/// Levels that are told of, unless `-d` says otherwise.
const LEVELS: usize = 1;

pub fn du(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&DU, words, 1)?;
    let levels = if given.has("d") { levels::of(&given)? } else { LEVELS };
    let mut walk = Walk::new(&stage.client, &given.words[1], false);
    let mut sums = Sums::default();
    let tell = |sum: Sum| {
        if sum.depth <= levels {
            stage.say(&format!("{:>14}  {:>10}  {}", sum.bytes, sum.znodes, sum.path));
            stage.output.object(&json!({"path": sum.path, "bytes": sum.bytes, "znodes": sum.znodes}));
        }
    };
    stage.say(&format!("{:>14}  {:>10}  path", "bytes", "znodes"));
    while let Some(visited) = walk.visit()? {
        while let Some(sum) = sums.complete(visited.depth) {
            tell(sum);
        }
        sums.begin(visited.path, visited.depth, u64::try_from(visited.stat.data_length).unwrap_or(0));
        stage.check_interest()?;
    }
    while let Some(sum) = sums.complete(0) {
        tell(sum);
    }
    Ok(())
}

/// What a subtree has.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Sum {
    path: String,
    depth: usize,
    znodes: u64,
    bytes: u64,
}

/// The subtrees that are not complete: the one in the other, from the root to the present znode.
#[derive(Default)]
struct Sums {
    open: Vec<Sum>,
}

impl Sums {
    fn begin(&mut self, path: String, depth: usize, bytes: u64) {
        self.open.push(Sum { path, depth, znodes: 1, bytes });
    }

    /// The next subtree that is complete, now that a znode of this depth comes. It counts for the one around it.
    fn complete(&mut self, depth: usize) -> Option<Sum> {
        let sum = self.open.pop_if(|sum| sum.depth >= depth)?;
        if let Some(around) = self.open.last_mut() {
            around.znodes += sum.znodes;
            around.bytes += sum.bytes;
        }
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::Sums;

    #[test]
    fn subtrees_are_summed_up() {
        let mut sums = Sums::default();
        let mut told = Vec::new();
        for (path, depth, bytes) in [("/", 0, 1), ("/a", 1, 10), ("/a/b", 2, 100), ("/c", 1, 1000)] {
            while let Some(sum) = sums.complete(depth) {
                told.push((sum.path, sum.znodes, sum.bytes));
            }
            sums.begin(path.into(), depth, bytes);
        }
        while let Some(sum) = sums.complete(0) {
            told.push((sum.path, sum.znodes, sum.bytes));
        }
        let expected = [("/a/b", 1, 100), ("/a", 2, 110), ("/c", 1, 1000), ("/", 4, 1111)];
        assert_eq!(told, expected.map(|(path, znodes, bytes)| (path.to_owned(), znodes, bytes)));
    }
}
