//! What all sources say together: one value per key, the place where it was written, and what there is to remark.
//!
//! Sources, weakest first: variables with JVM flags, `-D` of the command line, the file. The file is the strongest
//! because ZooKeeper turns its lines into system properties after the JVM has set those of the command line. Keys that
//! ZooKeeper reads as bare JVM properties turn this round: its file cannot set them, so where both are given, `-D` is
//! what has been in effect. A file key given by `-D` is not read by ZooKeeper either; without a file, it stands in for
//! one here.
//!
//! Remarks are grouped: one warning per reason, naming every key that it concerns, so that a file full of TLS settings
//! is one line in the log.

use super::error::ConfigError;
use super::keys::{self, Key, Source, State};
use super::place::{Place, Warning};
use super::secrets;
use super::value::{Malformed, Value, shown};
use std::collections::BTreeMap;
use std::fmt;

/// Unknown keys beyond this many are still named, without a suggestion: each costs a comparison with every known key.
const MOST_SUGGESTIONS: usize = 100;

/// System properties with these beginnings belong to the JVM or to Java's logging.
const JVM_PREFIXES: [&str; 12] =
    ["java.", "javax.", "jdk.", "sun.", "com.sun.", "user.", "file.", "os.", "awt.", "log4j", "logback", "org.slf4j."];

/// `name=value` as somebody wrote it: for `-D` the name keeps its prefix `zookeeper.`, if it has one.
#[derive(Clone)]
pub struct Written {
    pub place: Place,
    pub name: String,
    /// Empty where there is none.
    pub value: String,
    /// `false`: a `-D` without `=`.
    pub has_value: bool,
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}={}", self.place, self.name, secrets::shown_value(&self.name, &self.value))
    }
}

impl Written {
    fn is_property(&self) -> bool {
        !matches!(self.place, Place::Line { .. })
    }

    /// The name as the file would spell it.
    fn file_name(&self) -> &str {
        match self.name.strip_prefix("zookeeper.") {
            Some(bare) if self.is_property() => bare,
            _ => &self.name,
        }
    }

    /// The name as messages repeat it.
    fn spelled(&self) -> String {
        if self.is_property() { format!("-D{}", self.name) } else { self.name.clone() }
    }
}

/// The value that counts for a key. It may be a secret, so that nothing prints it but who reads it.
#[derive(Clone)]
pub struct Setting {
    key: &'static Key,
    pub value: Value,
    /// As it was written.
    pub text: String,
    pub place: Place,
    /// The name as messages repeat it.
    pub spelled: String,
    weight: Weight,
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = secrets::shown_value(self.key.name, &self.text);
        f.debug_struct("Setting").field("key", &self.key.name).field("text", &text).field("place", &self.place).finish()
    }
}

/// Rank of the source, then whether the name is the one that ZooKeeper reads; of equals the later one counts.
type Weight = (u8, bool);

#[derive(Debug, Default)]
pub struct Settings {
    /// By the name that the file would use; members of a family by their full name.
    by_name: BTreeMap<String, Setting>,
    warnings: Vec<Warning>,
    /// Places and spellings of keys without effect, by the reason.
    without_effect: BTreeMap<String, Vec<(Place, String)>>,
    suggestions: usize,
    /// The first thing found for which the server must not start. What follows it is looked at all the same: what there is
    /// to remark may be what explains it.
    stop: Option<ConfigError>,
}

impl Settings {
    /// `written` goes from the weakest source to the strongest. `has_file` says whether there is a configuration file.
    pub fn collect(written: impl IntoIterator<Item = Written>, has_file: bool) -> Self {
        let mut settings = Self::default();
        for one in written {
            let taken = settings.take(one, has_file);
            settings.note(taken);
        }
        let counted: Vec<Setting> = settings.by_name.values().cloned().collect();
        for setting in &counted {
            let remarked = settings.remark(setting);
            settings.note(remarked);
        }
        settings
    }

    /// Keeps an error, unless there is one already.
    pub fn note(&mut self, outcome: Result<(), ConfigError>) {
        if let Err(error) = outcome {
            self.stop.get_or_insert(error);
        }
    }

    /// # Errors
    /// The first that was noted.
    pub fn check(&mut self) -> Result<(), ConfigError> {
        self.stop.take().map_or(Ok(()), Err)
    }

    /// The setting of `name`, if somebody wrote one.
    pub fn given(&self, name: &str) -> Option<&Setting> {
        self.by_name.get(name)
    }

    /// The members of a family that somebody wrote; `prefix` ends in a dot. The names come with the prefix.
    pub fn family(&self, prefix: &'static str) -> impl Iterator<Item = (&str, &Setting)> {
        let from = self.by_name.range(prefix.to_owned()..);
        from.take_while(move |(name, _)| name.starts_with(prefix)).map(|(name, setting)| (name.as_str(), setting))
    }

    /// The value of `name` or its default; `None` where the table has no default.
    pub fn value(&self, name: &str) -> Option<Value> {
        match self.given(name) {
            Some(setting) => Some(setting.value.clone()),
            None => keys::find(name).expect("only names of the table are asked for").0.default_value(),
        }
    }

    /// The system properties that somebody gave, by the names that a JVM has them by, without what nobody is to see.
    pub fn properties(&self) -> Vec<(String, String)> {
        let given = self.by_name.iter().filter(|(_, setting)| setting.key.source != Source::File);
        let mut properties: Vec<_> = given
            .map(|(name, setting)| {
                let prefix = if setting.key.source == Source::Jvm { "" } else { "zookeeper." };
                (format!("{prefix}{name}"), secrets::shown_value(name, &setting.text).to_owned())
            })
            .collect();
        properties.sort();
        properties
    }

    pub fn warn(&mut self, place: &Place, text: String) {
        self.warnings.push(Warning { place: place.clone(), text });
    }

    /// Notes that `spelled` has no effect; `reason` is a clause that continues "key: ".
    pub fn without_effect(&mut self, place: &Place, spelled: &str, reason: String) {
        self.without_effect.entry(reason).or_default().push((place.clone(), spelled.to_owned()));
    }

    /// What was written, and every remark, in the order of the places.
    pub fn into_parts(self) -> (BTreeMap<String, Setting>, Vec<Warning>) {
        let mut warnings = self.warnings;
        for (reason, mut concerned) in self.without_effect {
            concerned.sort();
            let (place, first) = concerned.remove(0);
            let others: Vec<_> = concerned.iter().map(|(place, spelled)| format!("{spelled} ({place})")).collect();
            let others =
                if others.is_empty() { String::new() } else { format!("; the same holds for {}", others.join(", ")) };
            warnings.push(Warning { place, text: format!("{first}: {reason}{others}") });
        }
        warnings.sort_by(|one, other| one.place.cmp(&other.place));
        (self.by_name, warnings)
    }

    #[cfg(test)]
    fn into_warnings(self) -> Vec<Warning> {
        self.into_parts().1
    }

    fn take(&mut self, written: Written, has_file: bool) -> Result<(), ConfigError> {
        let Some((key, synonym)) = keys::find(written.file_name()) else {
            self.unknown(&written);
            return Ok(());
        };
        let spelled = written.spelled();
        let from_variable = matches!(written.place, Place::Variable(_));
        if key.source == Source::File && written.is_property() && (has_file || from_variable) {
            let text = format!("{spelled} is ignored, because only the configuration file can set {}", key.name);
            self.warn(&written.place, text);
            return Ok(());
        }
        if !written.has_value {
            self.warn(&written.place, format!("{spelled}: there is no value; write {spelled}=value"));
        }
        let value = match key.kind.parse(&written.value, key.notation()) {
            Ok(value) => value,
            Err(Malformed { problem, expected }) => {
                return Err(ConfigError::Value { place: written.place, key: spelled, problem, expected });
            }
        };
        let name = if key.name.ends_with('*') { written.file_name() } else { key.name }.to_owned();
        let weight = (rank(&written.place, key.source), !synonym);
        self.count(name, Setting { key, value, text: written.value, place: written.place, spelled, weight });
        Ok(())
    }

    /// Keeps the heavier of a new setting and the one that is there.
    fn count(&mut self, name: String, new: Setting) {
        let winner_is_old = self.by_name.get(&name).is_some_and(|old| old.weight > new.weight);
        let (winner, loser) = if winner_is_old {
            (self.by_name.get(&name).cloned(), Some(new))
        } else {
            let loser = self.by_name.insert(name, new.clone());
            (Some(new), loser)
        };
        if let (Some(winner), Some(loser)) = (winner, loser)
            && winner.value != loser.value
        {
            let text = format!(
                "{}: this value does not count, because {} sets it too ({})",
                loser.spelled, winner.spelled, winner.place
            );
            self.warn(&loser.place, text);
        }
    }

    fn unknown(&mut self, written: &Written) {
        let name = &written.name;
        let of_zookeeper = !written.is_property() || name.starts_with("zookeeper.");
        let from_variable = matches!(written.place, Place::Variable(_));
        if !of_zookeeper && JVM_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            // A variable of JVM flags is the right place for these.
            if !from_variable {
                self.without_effect(&written.place, &written.spelled(), java());
            }
            return;
        }
        let suggestion = if self.suggestions < MOST_SUGGESTIONS { keys::nearest(written.file_name()) } else { None };
        self.suggestions += 1;
        let spelled = written.spelled();
        let text = match suggestion {
            Some(near) => format!("{}: unknown key, ignored; did you mean {near}?", shown(&spelled)),
            // Other programs share the variables, so a strange name there is no mistake.
            None if from_variable && !of_zookeeper => return,
            None if written.has_value => format!("{}: unknown key, ignored", shown(&spelled)),
            None => format!("{}: unknown key without a value, ignored; a key is set by -Dname=value", shown(&spelled)),
        };
        self.warn(&written.place, text);
    }

    /// Warns about a setting that counts, as far as its state asks for it.
    fn remark(&mut self, setting: &Setting) -> Result<(), ConfigError> {
        let key = setting.key;
        if let Some(leniency) = key.kind.leniency(&setting.text) {
            self.warn(&setting.place, format!("{}: {leniency}", setting.spelled));
        }
        let is_default = key.default_value().is_some_and(|default| default == setting.value);
        let reason = match key.state {
            State::Done => return Ok(()),
            State::Later(_) if is_default => return Ok(()),
            State::Later(what) => missing(what),
            State::Replaced(how) => format!("it has no effect, because {how}"),
            State::Java => java(),
            State::Client => "it is a setting of clients, and a server ignores it".to_owned(),
        };
        self.without_effect(&setting.place, &setting.spelled, reason);
        Ok(())
    }
}

/// The reason that goes with [`State::Later`].
pub fn missing(what: &str) -> String {
    format!("this version has no {what} yet, so the setting has no effect")
}

fn java() -> String {
    "it only makes sense in a JVM and is ignored".to_owned()
}

fn rank(place: &Place, source: Source) -> u8 {
    match place {
        Place::Variable(_) => 1,
        Place::CommandLine => 2,
        Place::Line { .. } if source == Source::Jvm => 0,
        Place::Line { .. } => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::sync::Arc;

    fn line(line: u32, name: &str, value: &str) -> Written {
        let place = Place::Line { file: Arc::from(Path::new("zoo.cfg")), line };
        Written { place, name: name.to_owned(), value: value.to_owned(), has_value: true }
    }

    fn option(name: &str, value: &str) -> Written {
        Written { place: Place::CommandLine, ..line(1, name, value) }
    }

    fn variable(name: &str, value: &str) -> Written {
        Written { place: Place::Variable("JVMFLAGS".into()), ..line(1, name, value) }
    }

    fn bare(written: Written) -> Written {
        Written { has_value: false, ..written }
    }

    fn collect(written: &[Written], has_file: bool) -> Settings {
        let mut settings = Settings::collect(written.to_vec(), has_file);
        settings.check().expect("well formed");
        settings
    }

    fn warnings(written: &[Written]) -> Vec<String> {
        collect(written, true).into_warnings().iter().map(Warning::to_string).collect()
    }

    #[test]
    fn the_strongest_source_counts() {
        let cases: &[(&[Written], &str, i64)] = &[
            (&[], "snapCount", 100_000),
            (&[option("zookeeper.snapCount", "5")], "snapCount", 5),
            (&[option("snapCount", "5")], "snapCount", 5),
            (&[variable("zookeeper.snapCount", "5"), option("snapCount", "6")], "snapCount", 6),
            (&[option("zookeeper.snapCount", "5"), line(1, "snapCount", "7")], "snapCount", 7),
            (&[line(1, "snapCount", "7"), line(2, "snapCount", "8")], "snapCount", 8),
            (&[line(1, "jute.maxbuffer", "7")], "jute.maxbuffer", 7),
            (&[variable("jute.maxbuffer", "0x10"), line(1, "jute.maxbuffer", "7")], "jute.maxbuffer", 16),
            (&[option("zookeeper.jute.maxbuffer", "9"), line(1, "jute.maxbuffer", "7")], "jute.maxbuffer", 9),
            (&[line(1, "connectionMaxTokens", "3")], "connection_throttle_tokens", 3),
            (
                &[line(1, "connection_throttle_tokens", "4"), line(2, "connectionMaxTokens", "3")],
                "connection_throttle_tokens",
                4,
            ),
        ];
        for (written, name, expected) in cases {
            assert_eq!(collect(written, true).value(name), Some(Value::Number(*expected)), "{written:?}");
        }
    }

    #[test]
    fn file_keys_are_read_from_options_only_without_a_file() {
        let written = [option("zookeeper.tickTime", "500")];
        assert_eq!(collect(&written, false).value("tickTime"), Some(Value::Number(500)));
        assert_eq!(collect(&written, true).value("tickTime"), Some(Value::Number(3000)));
        assert_eq!(
            warnings(&written),
            ["command line: -Dzookeeper.tickTime is ignored, because only the configuration file can set tickTime"]
        );
        let written = [variable("zookeeper.tickTime", "500")];
        assert_eq!(collect(&written, false).value("tickTime"), Some(Value::Number(3000)));
    }

    #[test]
    fn remarks() {
        let cases: &[(&[Written], &[&str])] = &[
            (&[line(1, "tickTime", "500")], &[]),
            (&[line(3, "tikTime", "5")], &["zoo.cfg:3: \"tikTime\": unknown key, ignored; did you mean tickTime?"]),
            (&[line(3, "myKey", "5")], &["zoo.cfg:3: \"myKey\": unknown key, ignored"]),
            (
                &[line(3, "zookeeper.snapCount", "5")],
                &["zoo.cfg:3: \"zookeeper.snapCount\": unknown key, ignored; did you mean snapCount?"],
            ),
            (&[option("zookeeper.x.y", "5")], &["command line: \"-Dzookeeper.x.y\": unknown key, ignored"]),
            (
                &[option("java.awt.headless", "true")],
                &["command line: -Djava.awt.headless: it only makes sense in a JVM and is ignored"],
            ),
            (&[variable("java.awt.headless", "true"), variable("my.own", "1")], &[]),
            (
                &[variable("jute.maxbufer", "5")],
                &["JVMFLAGS: \"-Djute.maxbufer\": unknown key, ignored; did you mean jute.maxbuffer?"],
            ),
            (
                &[bare(option("foo", ""))],
                &["command line: \"-Dfoo\": unknown key without a value, ignored; a key is set by -Dname=value"],
            ),
            (
                &[bare(option("zookeeper.skipACL", ""))],
                &[
                    "command line: -Dzookeeper.skipACL: there is no value; write -Dzookeeper.skipACL=value",
                    "command line: -Dzookeeper.skipACL: \"\" is read as no, as ZooKeeper does; write yes or no",
                ],
            ),
            (&[bare(variable("foo", ""))], &[]),
            (
                &[bare(option("com.sun.management.jmxremote", ""))],
                &["command line: -Dcom.sun.management.jmxremote: it only makes sense in a JVM and is ignored"],
            ),
            (&[line(2, "admin.serverPort", "8081"), line(3, "admin.enableServer", "false")], &[]),
            (
                &[line(2, "controllerPort", "1"), line(3, "jmx.log4j.disable", "true")],
                &["zoo.cfg:2: controllerPort: it only makes sense in a JVM and is ignored; the same holds for \
                 jmx.log4j.disable (zoo.cfg:3)"],
            ),
            (
                &[line(2, "quorumCnxnTimeoutMs", "2191")],
                &[
                    "zoo.cfg:2: quorumCnxnTimeoutMs: this version has no limit for the silence of an election connection \
                     yet, so the setting has no effect",
                ],
            ),
            (
                &[line(2, "controllerPort", "10")],
                &["zoo.cfg:2: controllerPort: it only makes sense in a JVM and is ignored"],
            ),
            (
                &[line(2, "skipACL", "true")],
                &["zoo.cfg:2: skipACL: \"true\" is read as no, as ZooKeeper does; write yes or no"],
            ),
            (
                &[line(1, "snapCount", "5"), line(2, "snapCount", "6")],
                &["zoo.cfg:1: snapCount: this value does not count, because snapCount sets it too (zoo.cfg:2)"],
            ),
            (&[line(1, "snapCount", "5"), line(2, "snapCount", "5")], &[]),
            (&[line(1, "enforce.auth.enabled", "false")], &[]),
        ];
        for (written, expected) in cases {
            assert_eq!(warnings(written), *expected, "{written:?}");
        }
    }

    #[test]
    fn refusals() {
        for (written, expected) in [
            (
                line(4, "snapCount", "many"),
                "zoo.cfg:4: snapCount: \"many\" is not a whole number; expected a whole number from -2147483648 to \
                 2147483647",
            ),
            (
                option("zookeeper.nio.sessionlessCnxnTimeout", "0"),
                "command line: -Dzookeeper.nio.sessionlessCnxnTimeout: 0 is too small; expected milliseconds, a whole \
                 number from 1 to 2147483647",
            ),
        ] {
            let error = Settings::collect([written], true).check().expect_err(expected);
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn remarks_outlive_what_stops_the_start() {
        let written =
            [line(1, "tikTime", "5"), line(2, "snapCount", "x"), line(3, "jute.maxbuffer", "y"), line(4, "ab", "c")];
        let mut settings = Settings::collect(written, true);
        assert!(settings.check().expect_err("no number").to_string().starts_with("zoo.cfg:2: "), "the first one");
        assert_eq!(settings.into_warnings().len(), 2);
    }

    #[test]
    fn families() {
        let written = [line(1, "server.2", "b"), line(2, "server.10", "c"), line(3, "serverCnxnFactory", "x")];
        let settings = collect(&written, true);
        let names: Vec<_> = settings.family("server.").map(|(name, setting)| (name, setting.text.as_str())).collect();
        assert_eq!(names, [("server.10", "c"), ("server.2", "b")]);
    }

    #[test]
    fn many_unknown_keys_stay_cheap() {
        let written = (0..5_000).map(|n| line(n, "tickTim", "1"));
        let mut settings = Settings::collect(written, true);
        settings.check().expect("unknown keys are no error");
        let warnings = settings.into_warnings();
        assert_eq!(warnings.len(), 5_000);
        assert_eq!(warnings.iter().filter(|warning| warning.text.contains("tickTime?")).count(), MOST_SUGGESTIONS);
    }
}
