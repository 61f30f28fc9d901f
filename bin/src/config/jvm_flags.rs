//! `-Dname=value` wherever ZooKeeper's users keep it: arguments, and the variables that hold flags for a JVM.
//!
//! Start scripts and images of existing deployments put system properties into variables such as `SERVER_JVMFLAGS`.
//! The words are split at blanks; single and double quotes group, as the JVM itself does for `JAVA_TOOL_OPTIONS`.
//! Every flag that is not `-D` concerns a JVM (heap, collector, agents) and is passed over.

/// The variables that are read, weakest first: a later one wins, as the start scripts and the JVM put them in this
/// order.
pub const VARIABLES: [&str; 4] = ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "SERVER_JVMFLAGS", "JVMFLAGS"];

/// Name and value of what follows `-D`; without `=` the value is empty, as in Java.
pub fn split_property(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (name.to_owned(), value.to_owned())
}

/// The properties that a text of JVM flags sets, in order.
pub fn properties(flags: &str) -> Vec<(String, String)> {
    words(flags).iter().filter_map(|word| word.strip_prefix("-D")).map(split_property).collect()
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
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("", &[]),
            ("-Xmx1000m -server", &[]),
            (
                "-Xmx1g -Dzookeeper.snapCount=5\n -Dreadonlymode.enabled=true",
                &[("zookeeper.snapCount", "5"), ("readonlymode.enabled", "true")],
            ),
            ("-Da=\"b c\" '-Dd=e f' -Dg=''", &[("a", "b c"), ("d", "e f"), ("g", "")]),
            ("-Da=b=c -Dd", &[("a", "b=c"), ("d", "")]),
            ("-Da=\"unclosed -Db=c", &[("a", "unclosed -Db=c")]),
        ];
        for (flags, expected) in cases {
            let found = properties(flags);
            let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(&found, expected, "{flags:?}");
        }
    }
}
