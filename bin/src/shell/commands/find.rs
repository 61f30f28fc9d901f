//! `find`: the paths of the znodes of which all that is asked for holds.

use serde_json::json;

use super::levels;
use crate::client::stat::ShownStat;
use crate::shell::complaint::Complaint;
use crate::shell::flags::Given;
use crate::shell::stage::Stage;
use crate::shell::syntax::FIND;
use crate::shell::walk::{Walk, name};

pub fn find(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&FIND, words, 1)?;
    let levels = levels::of(&given)?;
    let wanted = Wanted::of(&given)?;
    let mut walk = Walk::new(&stage.client, &given.words[1], false);
    while let Some(visited) = walk.visit()? {
        if visited.depth >= levels {
            walk.leave_out(|_| true);
        }
        if wanted.is_met(name(&visited.path), &visited.stat) {
            stage.say(&visited.path);
            stage.output.object(&json!({
                "path": visited.path, "bytes": visited.stat.data_length, "children": visited.stat.children,
                "ephemeral": visited.stat.is_ephemeral(),
            }));
        }
        stage.check_interest()?;
    }
    Ok(())
}

#[derive(Debug)]
struct Wanted {
    glob: Option<Vec<char>>,
    ephemeral: bool,
    leaf: bool,
    /// Bytes of data that are too few, or just too few.
    larger: Option<i64>,
}

impl Wanted {
    fn of(given: &Given) -> Result<Wanted, Complaint> {
        let larger = given.value("larger").map(str::parse::<i64>).transpose();
        let larger = larger.map_err(|_| Complaint::new("-larger: give a number of bytes"))?;
        let glob = given.value("name").map(|glob| glob.chars().collect());
        Ok(Wanted { glob, ephemeral: given.has("ephemeral"), leaf: given.has("leaf"), larger })
    }

    fn is_met(&self, name: &str, stat: &ShownStat) -> bool {
        self.glob.as_ref().is_none_or(|glob| is_like(name, glob))
            && (!self.ephemeral || stat.is_ephemeral())
            && (!self.leaf || stat.children == 0)
            && self.larger.is_none_or(|bytes| i64::from(stat.data_length) > bytes)
    }
}

/// Whether a name is like a pattern, in which `?` is any character and `*` are any characters. The time is at most the product of
/// both lengths.
fn is_like(name: &str, glob: &[char]) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut of) = (0, 0);
    // Behind the last star, and how much of the name it has taken.
    let mut star: Option<(usize, usize)> = None;
    while at < name.len() {
        match glob.get(of) {
            Some('*') => {
                star = Some((of + 1, at));
                of += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == name[at] => (at, of) = (at + 1, of + 1),
            _ => {
                let Some((behind, taken)) = star else { return false };
                star = Some((behind, taken + 1));
                (at, of) = (taken + 1, behind);
            }
        }
    }
    glob[of..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::{Wanted, is_like};
    use crate::client::stat::ShownStat;
    use crate::shell::flags::parse;
    use crate::shell::syntax::FIND;

    #[test]
    fn patterns_have_stars_and_question_marks() {
        let like = |name: &str, glob: &str| is_like(name, &glob.chars().collect::<Vec<_>>());
        for (name, glob) in
            [("a", "a"), ("abc", "*"), ("", "*"), ("abc", "a*c"), ("abcbc", "a*bc"), ("abc", "?b?"), ("ab", "ab**")]
        {
            assert!(like(name, glob), "{name} {glob}");
        }
        for (name, glob) in [("a", "b"), ("abc", "a*d"), ("ab", "?"), ("", "?"), ("abc", "ab"), ("ab", "abc")] {
            assert!(!like(name, glob), "{name} {glob}");
        }
    }

    #[test]
    fn all_that_is_asked_for_must_hold() {
        let words = ["find", "-larger", "10", "-leaf", "-name", "x*", "/"].map(str::to_owned);
        let wanted = Wanted::of(&parse(&FIND, &words).expect("fine")).expect("fine");
        let stat = ShownStat { data_length: 11, ..ShownStat::default() };
        assert!(wanted.is_met("xyz", &stat));
        assert!(!wanted.is_met("yz", &stat));
        assert!(!wanted.is_met("xyz", &ShownStat { data_length: 10, ..stat }));
        assert!(!wanted.is_met("xyz", &ShownStat { children: 1, ..stat }));
        let words = ["find", "-larger", "x", "/"].map(str::to_owned);
        assert!(Wanted::of(&parse(&FIND, &words).expect("fine")).is_err());
    }
}
