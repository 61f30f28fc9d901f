//! Where an answer is not the model's, and who made the state that the model's answer shows.

use std::collections::HashSet;

use crate::history::{Change, Event, Transaction};
use crate::operation::{Body, Operation, Outcome, Stat, code, name, parent};
use crate::source::Source;
use crate::tree::{Tree, Znode};
use crate::violation::Kind;

/// The first difference between an answer and the model's.
#[derive(Debug)]
pub struct Difference {
    /// Where it is more than a wrong answer.
    pub kind: Option<Kind>,
    pub sentence: String,
    /// Who made what the model says.
    pub sources: Vec<Source>,
}

/// Which part of a znode differs; each has its own maker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Creation,
    Data,
    Acl,
    Children,
}

/// What is known beside the answer.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'g> {
    /// As it is at the zxid of a read, and before a write.
    pub tree: &'g Tree,
    pub events: &'g [Event],
    pub log: &'g [Transaction],
}

impl Ground<'_> {
    /// Compares an answer with the model's.
    pub fn difference(self, operation: &Operation, model: &Outcome, code: i32, body: &Body) -> Option<Difference> {
        if !code::is_of_tree(code) {
            return None;
        }
        if let (Operation::Multi(members), Body::Multi(model), Body::Multi(seen)) = (operation, &model.body, body) {
            return self.of_members(members, model, seen);
        }
        let path = operation.path()?;
        if model.code != code {
            return Some(self.of_codes(path, model.code, code, body));
        }
        match (&model.body, body) {
            (Body::PathStat(path, _), Body::Path(seen)) => self.of_paths(path, seen),
            (Body::PathStat(path, stat), Body::PathStat(seen, seen_stat)) => {
                self.of_paths(path, seen).or_else(|| self.of_stats(path, stat, seen_stat))
            }
            (Body::Stat(stat), Body::Stat(seen)) => self.of_stats(path, stat, seen),
            (Body::Data(data, stat), Body::Data(seen, seen_stat)) => {
                let differs = (data != seen).then(|| {
                    let words = |data: &Option<crate::operation::Data>| match data {
                        None => "no data".to_owned(),
                        Some(data) => format!("{} bytes #{:x}", data.length, data.digest),
                    };
                    self.part(
                        path,
                        Part::Data,
                        format!("{path} was shown with {}; the model says {}", words(seen), words(data)),
                    )
                });
                self.of_stats(path, stat, seen_stat).or(differs)
            }
            (Body::Names(names, stat), Body::Names(seen, seen_stat)) => {
                let of_stat =
                    || stat.as_ref().zip(seen_stat.as_ref()).and_then(|(stat, seen)| self.of_stats(path, stat, seen));
                self.of_names(path, names, seen).or_else(of_stat)
            }
            _ => None,
        }
    }

    fn of_members(self, members: &[Operation], model: &[Outcome], seen: &[Outcome]) -> Option<Difference> {
        let is_judged =
            |outcome: &Outcome| code::is_of_tree(outcome.code) || outcome.code == code::RUNTIME_INCONSISTENCY;
        if !seen.iter().all(is_judged) {
            return None;
        }
        if model.len() != seen.len() {
            let sentence = format!("the multi has {} members and was answered for {}", model.len(), seen.len());
            return Some(Difference { kind: None, sentence, sources: Vec::new() });
        }
        let failing =
            |outcomes: &[Outcome]| outcomes.iter().position(|one| code::is_of_tree(one.code) && one.code != 0);
        if let Some(place) = failing(seen).max(failing(model)).filter(|_| failing(seen) != failing(model)) {
            let path = members[place].path().unwrap_or_default();
            return Some(self.of_codes(path, model[place].code, seen[place].code, &Body::None));
        }
        let mut members = members.iter().zip(model).zip(seen);
        members.find_map(|((member, model), seen)| self.difference(member, model, seen.code, &seen.body))
    }

    /// Whether somebody closed the session by this.
    fn is_close(self, source: Source) -> bool {
        match source {
            Source::Start => false,
            Source::Event(place) => self.events[place].operation() == Some(&Operation::Close),
            Source::Transaction(entry) => self.log[entry].change == Change::Done(Operation::Close),
        }
    }

    fn of_codes(self, path: &str, model: i32, seen: i32, body: &Body) -> Difference {
        let sentence = format!("{path}: {} was answered; the model says {}", code_words(seen), code_words(model));
        let owner = match body {
            Body::Stat(stat) | Body::Data(_, stat) | Body::Names(_, Some(stat)) => stat.ephemeral_owner,
            _ => 0,
        };
        let removed_by = self.tree.removed_by(path);
        let kind = match (model, seen) {
            (code::NO_NODE, code::OK) if owner != 0 && removed_by.is_some_and(|source| self.is_close(source)) => {
                Some(Kind::EphemeralOutlived)
            }
            (code::OK, code::NO_NODE) if self.tree.znode(path).is_some_and(|znode| znode.owner().is_some()) => {
                Some(Kind::EphemeralVanished)
            }
            _ => None,
        };
        let is_about = |one: i32| model == one || seen == one;
        let znode = self.tree.znode(path);
        let sources = match znode {
            Some(znode) if is_about(code::BAD_VERSION) => vec![znode.written_by],
            Some(znode) if is_about(code::NOT_EMPTY) => vec![znode.peopled_by()],
            Some(znode) => vec![znode.created_by],
            None => removed_by.or_else(|| self.of_parent(path)).into_iter().collect(),
        };
        Difference { kind, sentence, sources }
    }

    /// Who made, or removed, the parent.
    fn of_parent(self, path: &str) -> Option<Source> {
        let above = parent(path)?;
        self.tree.znode(above).map(|znode| znode.created_by).or_else(|| self.tree.removed_by(above))
    }

    fn of_paths(self, model: &str, seen: &str) -> Option<Difference> {
        let above = parent(model).and_then(|above| self.tree.znode(above));
        let sources = above.map(Znode::peopled_by).into_iter();
        let sources = sources.chain(self.tree.znode(seen).map(|znode| znode.created_by)).collect();
        let sentence = format!("{seen} was answered; the model says {model}");
        (model != seen).then_some(Difference { kind: None, sentence, sources })
    }

    fn of_stats(self, path: &str, model: &Stat, seen: &Stat) -> Option<Difference> {
        let fields = [
            ("czxid", model.czxid, seen.czxid, Part::Creation),
            ("ephemeralOwner", model.ephemeral_owner, seen.ephemeral_owner, Part::Creation),
            ("mzxid", model.mzxid, seen.mzxid, Part::Data),
            ("version", model.version.into(), seen.version.into(), Part::Data),
            ("dataLength", model.data_length.into(), seen.data_length.into(), Part::Data),
            ("aversion", model.aversion.into(), seen.aversion.into(), Part::Acl),
            ("pzxid", model.pzxid, seen.pzxid, Part::Children),
            ("cversion", model.cversion.into(), seen.cversion.into(), Part::Children),
            ("numChildren", model.num_children.into(), seen.num_children.into(), Part::Children),
        ];
        let (field, model, seen, part) = fields.into_iter().find(|(_, model, seen, _)| model != seen)?;
        let number = |number: i64| {
            if field.contains("zxid") || field == "ephemeralOwner" {
                format!("0x{number:x}")
            } else {
                number.to_string()
            }
        };
        let sentence = format!("{path} was shown with {field} {}; the model says {}", number(seen), number(model));
        Some(self.part(path, part, sentence))
    }

    fn of_names(self, path: &str, model: &[String], seen: &[String]) -> Option<Difference> {
        let model: HashSet<&str> = model.iter().map(String::as_str).collect();
        let distinct: HashSet<&str> = seen.iter().map(String::as_str).collect();
        if distinct.len() != seen.len() {
            let sentence = format!("{path} was shown with one child twice");
            return Some(Difference { kind: None, sentence, sources: Vec::new() });
        }
        let child = |child: &str| if path == "/" { format!("/{child}") } else { format!("{path}/{child}") };
        // The first by name, so that the same history is told in the same words.
        if let Some(lacking) = model.difference(&distinct).min() {
            let child = child(lacking);
            let sentence =
                format!("{path} was shown without its child {}; the model says that it is there", name(&child));
            let znode = self.tree.znode(&child);
            let kind = znode.and_then(Znode::owner).map(|_| Kind::EphemeralVanished);
            let sources = znode.map(|znode| znode.created_by).into_iter().collect();
            return Some(Difference { kind, sentence, sources });
        }
        let child = child(distinct.difference(&model).min()?);
        let sentence = format!("{path} was shown with a child {}; the model says that it is not there", name(&child));
        let removed_by = self.tree.removed_by(&child);
        let kind = removed_by.filter(|source| self.is_close(*source)).map(|_| Kind::EphemeralOutlived);
        Some(Difference { kind, sentence, sources: removed_by.into_iter().collect() })
    }

    fn part(self, path: &str, part: Part, sentence: String) -> Difference {
        let source = |znode: &Znode| match part {
            Part::Creation => znode.created_by,
            Part::Data => znode.written_by,
            Part::Acl => znode.guarded_by,
            Part::Children => znode.peopled_by(),
        };
        let sources = self.tree.znode(path).map(source).into_iter().collect();
        Difference { kind: None, sentence, sources }
    }
}

fn code_words(code: i32) -> String {
    match code {
        code::OK => "success".into(),
        code::RUNTIME_INCONSISTENCY => "error -2 (behind a member that failed)".into(),
        code::NO_NODE => "error -101 (no node)".into(),
        code::BAD_VERSION => "error -103 (bad version)".into(),
        code::NO_CHILDREN_FOR_EPHEMERALS => "error -108 (no children for ephemerals)".into(),
        code::NODE_EXISTS => "error -110 (node exists)".into(),
        code::NOT_EMPTY => "error -111 (not empty)".into(),
        other => format!("error {other}"),
    }
}
