//! Names of Kerberos, `service/host@REALM`, and as whom their holders count: the rules of `security.auth_to_local`.

use std::fmt;

use regex_lite::{Captures, Regex, RegexBuilder};

use super::Authorize;

/// The rules may be so long, bytes.
const RULES_MAX: usize = 64 * 1024;
/// An expression of a rule may take so much memory, bytes.
const EXPRESSION_MAX: usize = 1 << 20;
/// What a rule makes of a name is no longer than this, bytes: a replacement may repeat the name.
const SHORT_NAME_MAX: usize = 64 * 1024;

/// A name of no more than two components. One without a realm is any text without `@`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KerberosName<'a> {
    /// The first component.
    pub service: &'a str,
    /// The second one, if there are two.
    pub host: Option<&'a str>,
    pub realm: Option<&'a str>,
}

impl<'a> KerberosName<'a> {
    /// `None`: it has more components than two, or more realms than one.
    pub fn parse(name: &'a str) -> Option<KerberosName<'a>> {
        let Some((principal, realm)) = name.split_once('@') else {
            return Some(KerberosName { service: name, host: None, realm: None });
        };
        let (service, host) = match principal.split_once('/') {
            Some((service, host)) => (service, Some(host)),
            None => (principal, None),
        };
        let is_whole = !realm.contains(['/', '@']) && !host.is_some_and(|host| host.contains('/'));
        is_whole.then_some(KerberosName { service, host, realm: Some(realm) })
    }
}

impl fmt::Display for KerberosName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.service)?;
        if let Some(host) = self.host {
            write!(f, "/{host}")?;
        }
        if let Some(realm) = self.realm {
            write!(f, "@{realm}")?;
        }
        Ok(())
    }
}

/// Why rules are no rules: what is wrong with which.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadRule(String);

impl fmt::Display for BadRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadRule {}

/// As whom clients count that have shown a name.
#[derive(Clone, Debug)]
pub struct KerberosNames {
    rules: Vec<Rule>,
    default_realm: String,
    /// `kerberos.removeHostFromPrincipal`
    removes_host: bool,
    /// `kerberos.removeRealmFromPrincipal`
    removes_realm: bool,
}

impl KerberosNames {
    /// `rules`: the text of `security.auth_to_local`. `default_realm`: whose names the rule `DEFAULT` takes; empty if there is
    /// none.
    ///
    /// # Errors
    /// When a rule is none, as ZooKeeper has them.
    pub fn new(rules: &str, default_realm: &str, removes_host: bool, removes_realm: bool) -> Result<Self, BadRule> {
        let (rules, default_realm) = (parse_rules(rules)?, default_realm.to_owned());
        Ok(KerberosNames { rules, default_realm, removes_host, removes_realm })
    }

    /// What the first rule that takes the name makes of it. `None`: none takes it, or the one that does makes no plain name
    /// of it.
    fn short_name(&self, name: &KerberosName) -> Option<String> {
        let Some(realm) = name.realm else { return Some(name.service.to_owned()) };
        let mut parts = vec![realm, name.service];
        parts.extend(name.host);
        let short = self.rules.iter().find_map(|rule| rule.apply(&parts, &self.default_realm))??;
        (!short.contains(['/', '@']) && short.len() <= SHORT_NAME_MAX).then_some(short)
    }

    /// The rule's short name, and behind it host and realm of the name, unless they are to be removed.
    fn canonical(&self, name: &KerberosName) -> Option<String> {
        let short = self.short_name(name)?;
        let host = name.host.filter(|_| !self.removes_host);
        let realm = name.realm.filter(|_| !self.removes_realm);
        Some(KerberosName { service: &short, host, realm }.to_string())
    }
}

impl Authorize for KerberosNames {
    /// A client counts as who it has shown to be, by the rules; what it asks to be counted as does not matter. Where no rule
    /// takes its name it counts as the whole name. There ZooKeeper believes whatever the client asks for, and so a client
    /// that asks for another name is refused here.
    fn authorize(&self, authentication_id: &str, authorization_id: &str) -> Option<String> {
        let name = KerberosName::parse(authentication_id)?;
        match self.canonical(&name) {
            Some(canonical) => Some(canonical),
            None => (authorization_id == authentication_id).then(|| authentication_id.to_owned()),
        }
    }
}

#[derive(Clone, Debug)]
enum Rule {
    /// Takes the names of the default realm, and leaves of them the first component.
    Default,
    /// `RULE:[components:format](matching)s/from/to/g`
    Made { components: usize, format: String, matching: Option<Regex>, substitution: Option<Substitution> },
}

#[derive(Clone, Debug)]
struct Substitution {
    from: Regex,
    to: Vec<Piece>,
    /// Whether each occurrence is replaced, and not the first alone.
    repeats: bool,
}

/// A part of what an occurrence is replaced by.
#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Group(usize),
}

impl Rule {
    /// `parts`: realm, first component, second one. `None`: the rule does not take the name; `Some(None)`: it does, and makes
    /// nothing of it.
    fn apply(&self, parts: &[&str], default_realm: &str) -> Option<Option<String>> {
        match self {
            Rule::Default => (parts[0] == default_realm).then(|| Some(parts[1].to_owned())),
            Rule::Made { components, .. } if *components != parts.len() - 1 => None,
            Rule::Made { format, matching, substitution, .. } => {
                let Some(base) = with_parameters(format, parts) else { return Some(None) };
                if matching.as_ref().is_some_and(|matching| !matching.is_match(&base)) {
                    return None;
                }
                Some(match substitution {
                    Some(substitution) => substitution.apply(&base),
                    None => Some(base),
                })
            }
        }
    }
}

impl Substitution {
    fn apply(&self, base: &str) -> Option<String> {
        let (mut result, mut copied) = (String::new(), 0);
        let most = if self.repeats { usize::MAX } else { 1 };
        for captures in self.from.captures_iter(base).take(most) {
            let whole = captures.get(0)?;
            result.push_str(&base[copied..whole.start()]);
            self.replace(&captures, &mut result);
            copied = whole.end();
            if result.len() > SHORT_NAME_MAX {
                return None;
            }
        }
        result.push_str(&base[copied..]);
        Some(result)
    }

    fn replace(&self, captures: &Captures, result: &mut String) {
        for piece in &self.to {
            match piece {
                Piece::Text(text) => result.push_str(text),
                Piece::Group(group) => result.push_str(captures.get(*group).map_or("", |found| found.as_str())),
            }
        }
    }
}

/// The format with `$n` replaced by a part; `None` if there is no such part.
fn with_parameters(format: &str, parts: &[&str]) -> Option<String> {
    let (mut result, mut rest) = (String::new(), format);
    while let Some((text, behind)) = rest.split_once('$') {
        result.push_str(text);
        let end = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
        let number: usize = behind[..end].parse().ok()?;
        result.push_str(parts.get(number)?);
        rest = &behind[end..];
        if result.len() > SHORT_NAME_MAX {
            return None;
        }
    }
    result.push_str(rest);
    Some(result)
}

fn parse_rules(text: &str) -> Result<Vec<Rule>, BadRule> {
    if text.len() > RULES_MAX {
        return Err(BadRule(format!("there are more than {RULES_MAX} bytes of rules")));
    }
    let (mut rules, mut rest) = (Vec::new(), text.trim());
    while !rest.is_empty() {
        let trimmed = rest.trim_start();
        let (rule, behind) = match trimmed.strip_prefix("DEFAULT") {
            Some(behind) => (Rule::Default, behind),
            None => parse_rule(trimmed)?,
        };
        rules.push(rule);
        rest = behind;
    }
    Ok(rules)
}

/// The rule that a text begins with, and what is behind it.
fn parse_rule(text: &str) -> Result<(Rule, &str), BadRule> {
    let invalid = || {
        BadRule(format!(
            "{} is no rule, which is DEFAULT or RULE:[n:format](expression)s/from/to/g",
            super::shown(text)
        ))
    };
    let (head, mut rest) = text.strip_prefix("RULE:[").and_then(|rest| rest.split_once(']')).ok_or_else(invalid)?;
    let (components, format) = head.split_once(':').ok_or_else(invalid)?;
    let is_number = components.bytes().all(|digit| digit.is_ascii_digit());
    let components = components.parse().ok().filter(|_| is_number).ok_or_else(invalid)?;
    let mut matching = None;
    if let Some((expression, behind)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        // As a whole, as Java's `matches`.
        matching = Some(compile(&format!(r"\A(?:{expression})\z"), expression)?);
        rest = behind;
    }
    let mut substitution = None;
    if let Some((from, to, behind)) = substituted(rest) {
        let from = compile(from, from)?;
        let to = pieces(to, from.captures_len()).ok_or_else(invalid)?;
        let repeats = behind.starts_with('g');
        substitution = Some(Substitution { from, to, repeats });
        rest = behind.strip_prefix('g').unwrap_or(behind);
    }
    Ok((Rule::Made { components, format: format.to_owned(), matching, substitution }, rest))
}

/// Of `s/from/to/...`: from, to, and what is behind.
fn substituted(text: &str) -> Option<(&str, &str, &str)> {
    let (from, rest) = text.strip_prefix("s/")?.split_once('/')?;
    let (to, behind) = rest.split_once('/')?;
    Some((from, to, behind))
}

fn compile(expression: &str, written: &str) -> Result<Regex, BadRule> {
    let built = RegexBuilder::new(expression).size_limit(EXPRESSION_MAX).build();
    built.map_err(|error| BadRule(format!("{} is no expression: {error}", super::shown(written))))
}

/// A replacement as Java's `Matcher` reads it: `$n` is a group, of as many digits as there are groups for, and a backslash
/// takes away what the next character means. `None` where Java finds no group.
fn pieces(to: &str, groups: usize) -> Option<Vec<Piece>> {
    let (mut pieces, mut chars) = (Vec::new(), to.chars().peekable());
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(chars.next()?),
            '$' => {
                let mut group = chars.next()?.to_digit(10)? as usize;
                while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                    let longer = group * 10 + digit as usize;
                    if longer >= groups {
                        break;
                    }
                    group = longer;
                    chars.next();
                }
                if group >= groups {
                    return None;
                }
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Group(group));
            }
            c => text.push(c),
        }
    }
    pieces.push(Piece::Text(text));
    Some(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(rules: &str) -> KerberosNames {
        KerberosNames::new(rules, "EXAMPLE.ORG", false, false).unwrap_or_else(|error| panic!("{rules}: {error}"))
    }

    fn short(rules: &str, name: &str) -> Option<String> {
        names(rules).short_name(&KerberosName::parse(name).expect("a name"))
    }

    #[test]
    fn names_have_up_to_two_components() {
        let name = KerberosName::parse("zookeeper/host.a.org@A.ORG").expect("a name");
        assert_eq!((name.service, name.host, name.realm), ("zookeeper", Some("host.a.org"), Some("A.ORG")));
        assert_eq!(name.to_string(), "zookeeper/host.a.org@A.ORG");
        assert_eq!(KerberosName::parse("bob").map(|name| (name.service, name.realm)), Some(("bob", None)));
        assert_eq!(KerberosName::parse("a/b/c").map(|name| name.service), Some("a/b/c"));
        assert!(KerberosName::parse("@").is_some() && KerberosName::parse("").is_some());
        for malformed in ["a/b/c@R", "a@b@c", "a@b/c"] {
            assert_eq!(KerberosName::parse(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn rules_make_short_names() {
        let hadoop = "RULE:[2:$1@$0]([nd]n@.*EXAMPLE.ORG)s/.*/hdfs/\n RULE:[2:$1;$2](^.*;admin$)s/;admin$// DEFAULT";
        for (name, expected) in [
            ("nn/host@EXAMPLE.ORG", Some("hdfs")),
            ("bob/admin@EXAMPLE.ORG", Some("bob")),
            ("zookeeper/host@EXAMPLE.ORG", Some("zookeeper")),
            ("bob@EXAMPLE.ORG", Some("bob")),
            ("bob@OTHER.ORG", None),
            ("xnn/host@OTHER.ORG", None),
            ("bob", Some("bob")),
        ] {
            assert_eq!(short(hadoop, name).as_deref(), expected, "{name}");
        }
        assert_eq!(short("RULE:[1:$1]s/a/bb/g", "banana@X").as_deref(), Some("bbbnbbnbb"));
        assert_eq!(short("RULE:[1:$1]s/a/bb/", "banana@X").as_deref(), Some("bbbnana"));
        assert_eq!(short(r"RULE:[1:$1]s/(b)(a)/$2$1\$/", "banana@X").as_deref(), Some("ab$nana"));
        assert_eq!(short("RULE:[1:$1]s/b/$0$01/", "b@X"), Some("bb1".into()), "there is no group 1");
    }

    #[test]
    fn a_rule_that_makes_no_plain_name_ends_the_search() {
        assert_eq!(short("RULE:[1:$1@$0] DEFAULT", "bob@EXAMPLE.ORG"), None);
        assert_eq!(short("RULE:[1:$3] DEFAULT", "bob@EXAMPLE.ORG"), None);
        assert_eq!(short("RULE:[1:$] DEFAULT", "bob@EXAMPLE.ORG"), None);
        let doubled = format!("RULE:[1:$1]{}", "s/x/xxxxxxxxxx/g");
        assert_eq!(short(&doubled, &format!("{}@X", "x".repeat(60_000))), None, "what comes of it is bounded");
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for rules in [
            "RULE:[1:$1]s/a/b/L",
            "RULE",
            "RULE:[:$1]",
            "RULE:[x:$1]",
            "RULE:[1:$1",
            "RULE:[1]",
            "DEFAULT x",
            "default",
            "RULE:[1:$1](a",
            "RULE:[1:$1]s/a/b",
            "RULE:[1:$1](*)",
            "RULE:[1:$1]s/a/$1/",
            "RULE:[1:$1]s/a/$/",
            "RULE:[1:$1](((((a){999}){999}){999}))",
            "RULE:[99999999999999999999:$1]",
        ] {
            assert!(KerberosNames::new(rules, "", false, false).is_err(), "{rules}");
        }
        assert!(KerberosNames::new(&" ".repeat(RULES_MAX + 1), "", false, false).is_err());
        assert!(names("  \n").rules.is_empty());
        assert_eq!(names("DEFAULTDEFAULT").rules.len(), 2, "as ZooKeeper's expression has it");
    }

    #[test]
    fn host_and_realm_stay_unless_they_are_removed() {
        let id = |host, realm, name: &str| {
            let names = KerberosNames::new("DEFAULT", "EXAMPLE.ORG", host, realm).expect("rules");
            names.authorize(name, name)
        };
        let name = "hbase/host@EXAMPLE.ORG";
        assert_eq!(id(false, false, name).as_deref(), Some(name));
        assert_eq!(id(true, false, name).as_deref(), Some("hbase@EXAMPLE.ORG"));
        assert_eq!(id(false, true, name).as_deref(), Some("hbase/host"));
        assert_eq!(id(true, true, name).as_deref(), Some("hbase"));
        assert_eq!(id(true, true, "bob").as_deref(), Some("bob"));
        assert_eq!(id(true, true, "bob@OTHER").as_deref(), Some("bob@OTHER"), "no rule takes it");
        assert_eq!(id(true, true, "a/b/c@OTHER"), None);
    }

    #[test]
    fn nobody_counts_as_another() {
        let names = names("DEFAULT");
        assert_eq!(names.authorize("bob@EXAMPLE.ORG", "admin@EXAMPLE.ORG").as_deref(), Some("bob@EXAMPLE.ORG"));
        assert_eq!(names.authorize("bob@OTHER", "admin@EXAMPLE.ORG"), None);
        assert_eq!(names.authorize("bob", "super").as_deref(), Some("bob"));
    }
}
