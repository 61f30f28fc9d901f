//! `-Dname=value` wherever ZooKeeper's users keep it: arguments, and the variables that hold flags for a JVM.
//!
//! Start scripts and images of existing deployments put system properties into variables such as `SERVER_JVMFLAGS`.
//! The words are split at blanks; single and double quotes group, as the JVM itself does for `JAVA_TOOL_OPTIONS`.
//! Every flag that is not `-D` concerns a JVM (heap, collector, agents) and is passed over.

/// The variables that are read, weakest first: a later one wins, as the start scripts and the JVM put them in this
/// order.
pub const VARIABLES: [&str; 4] = ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "SERVER_JVMFLAGS", "JVMFLAGS"];

/// What follows `-D`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    pub name: String,
    /// `None` without `=`: for Java the value is empty then.
    pub value: Option<String>,
}

impl Property {
    pub fn split(text: &str) -> Property {
        match text.split_once('=') {
            Some((name, value)) => Property { name: name.to_owned(), value: Some(value.to_owned()) },
            None => Property { name: text.to_owned(), value: None },
        }
    }
}

/// The properties that a text of JVM flags sets, in order.
pub fn properties(flags: &str) -> Vec<Property> {
    words(flags).iter().filter_map(|word| word.strip_prefix("-D")).map(Property::split).collect()
}

fn words(flags: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in flags.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_ascii_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_properties_are_taken() {
        type Found<'a> = &'a [(&'a str, Option<&'a str>)];
        let cases: &[(&str, Found<'_>)] = &[
            ("", &[]),
            ("-Xmx1000m -server", &[]),
            (
                "-Xmx1g -Dzookeeper.snapCount=5\n -Dreadonlymode.enabled=true",
                &[("zookeeper.snapCount", Some("5")), ("readonlymode.enabled", Some("true"))],
            ),
            ("-Da=\"b c\" '-Dd=e f' -Dg=''", &[("a", Some("b c")), ("d", Some("e f")), ("g", Some(""))]),
            ("-Da=b=c -Dd", &[("a", Some("b=c")), ("d", None)]),
            ("-Da=\"unclosed -Db=c", &[("a", Some("unclosed -Db=c"))]),
        ];
        for (flags, expected) in cases {
            let found = properties(flags);
            let found: Vec<_> = found.iter().map(|found| (found.name.as_str(), found.value.as_deref())).collect();
            assert_eq!(&found, expected, "{flags:?}");
        }
    }
}
