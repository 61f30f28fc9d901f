//! The command line that starts a server, with what stands for its own directory and port.

use std::path::Path;

/// What is put in place of `{...}`.
pub struct Filling<'a> {
    pub config: &'a Path,
    pub data_dir: &'a Path,
    pub port: u16,
    /// From 1 on.
    pub id: usize,
    pub class_path: &'a str,
}

/// The words of a command line, as a shell would take them apart; `None` where it has none, or a quote has no end.
pub fn words(command: &str) -> Option<Vec<String>> {
    shlex::split(command).filter(|words| !words.is_empty())
}

/// A word with everything filled in.
pub fn filled(word: &str, filling: &Filling<'_>) -> String {
    word.replace("{config}", &filling.config.display().to_string())
        .replace("{dir}", &filling.data_dir.display().to_string())
        .replace("{port}", &filling.port.to_string())
        .replace("{id}", &filling.id.to_string())
        .replace("{classpath}", filling.class_path)
}

/// For results, which others read: of every absolute path the last name alone is left, since it says where somebody has
/// something.
pub fn shown(command: &str) -> String {
    let mut shown = String::new();
    let mut rest = command;
    while let Some(start) = rest.find('/') {
        let is_begin = rest[..start].chars().next_back().is_none_or(|before| " \t=:,\"'".contains(before));
        let end = rest[start..].find([' ', '\t', ':', ',', '"', '\'']).map_or(rest.len(), |length| start + length);
        let path = &rest[start..end];
        shown += &rest[..start];
        shown += if is_begin { path.trim_end_matches('/').rsplit('/').next().unwrap_or_default() } else { path };
        rest = &rest[end..];
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Filling, filled, shown, words};

    #[test]
    fn words_are_those_of_a_shell() {
        assert_eq!(words("a 'b c' \"{d}\"").expect("it is well formed"), ["a", "b c", "{d}"]);
        assert_eq!(words("a 'b"), None);
        assert_eq!(words(" "), None);
    }

    #[test]
    fn everything_is_filled_in() {
        let (config, data_dir) = (Path::new("/x y/zoo.cfg"), Path::new("/x y/data"));
        let filling = Filling { config, data_dir, port: 2181, id: 3, class_path: "/jars/*" };
        assert_eq!(filled("-cp={classpath}", &filling), "-cp=/jars/*");
        assert_eq!(filled("{config},{dir},{port},{id}", &filling), "/x y/zoo.cfg,/x y/data,2181,3");
    }

    #[test]
    fn results_say_what_was_run_and_not_where_it_lies() {
        for (command, text) in [
            ("/home/me/bin/paddock serve {config}", "paddock serve {config}"),
            ("target/release/paddock serve {config}", "target/release/paddock serve {config}"),
            ("java -Xmx1g -cp /opt/a.jar:/opt/lib/* -Dx=/y/z/ Main", "java -Xmx1g -cp a.jar:* -Dx=z Main"),
            ("'/a b/c' d", "'a b/c' d"),
            ("paddock", "paddock"),
        ] {
            assert_eq!(shown(command), text);
        }
    }
}
