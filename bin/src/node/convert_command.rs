//! The command that converts what a server finds, as a person can give it to a shell.

use std::path::Path;

use crate::config::{self, Config, Property};

/// For a server with this configuration. What its own command line or its environment told it is in the command.
pub fn convert_command(config: &Config) -> String {
    let directories = |config: &Config| (config.data_dir.clone(), config.data_log_dir.clone());
    // A pipe has been read to its end, and whoever reads it again waits.
    let file = config.file.as_deref().filter(|file| file.is_file());
    let by_file = file.and_then(|file| Some((file, plain(Some(file), &[])?)));
    let by_file = by_file.filter(|(_, plain)| directories(plain) == directories(config));
    let mut words = vec!["paddock convert --from-zookeeper".to_owned()];
    let plain = match by_file {
        Some((file, plain)) => {
            words.push(quoted(&file.to_string_lossy()));
            Some(plain)
        }
        None => {
            words.push(format!("--data-dir {}", shown(&config.data_dir)));
            if config.data_log_dir != config.data_dir {
                words.push(format!("--data-log-dir {}", shown(&config.data_log_dir)));
            }
            plain(None, &[Property { name: "dataDir".to_owned(), value: Some(".".to_owned()) }])
        }
    };
    let known = plain.as_ref().map(needed).unwrap_or_default();
    let differing = needed(config).into_iter().filter(|property| !known.contains(property));
    words.extend(differing.map(|(name, value)| format!("-D{name}={value}")));
    words.join(" ")
}

/// What there is without a command line and an environment.
fn plain(file: Option<&Path>, properties: &[Property]) -> Option<Config> {
    config::load(file, properties, &[]).ok().map(|loaded| loaded.config)
}

/// The settings that a conversion depends on.
fn needed(config: &Config) -> Vec<(&'static str, String)> {
    vec![
        ("zookeeper.extendedTypesEnabled", config.extended_types_enabled.to_string()),
        ("zookeeper.emulate353TTLNodes", config.emulate_353_ttl_nodes.to_string()),
        ("zookeeper.digest.enabled", config.tree_digest_enabled.to_string()),
        ("zookeeper.snapshot.trust.empty", config.snapshot_trust_empty.to_string()),
        ("jute.maxbuffer", config.jute_max_buffer.to_string()),
        ("zookeeper.jute.maxbuffer.extrasize", config.jute_max_buffer_extra.to_string()),
    ]
}

fn shown(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+,:=@%".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{convert_command, quoted};
    use crate::config::{self, Config, Property};

    fn config(properties: &[&str]) -> Config {
        let properties: Vec<Property> = properties.iter().map(|text| Property::split(text)).collect();
        config::load(None, &properties, &[]).expect("it is right").config
    }

    #[test]
    fn a_command_has_both_directories_and_what_differs() {
        assert_eq!(convert_command(&config(&["dataDir=/data"])), "paddock convert --from-zookeeper --data-dir /data");
        let told =
            ["dataDir=/my data", "dataLogDir=/logs", "zookeeper.extendedTypesEnabled=true", "jute.maxbuffer=5000000"];
        assert_eq!(
            convert_command(&config(&told)),
            "paddock convert --from-zookeeper --data-dir '/my data' --data-log-dir /logs \
             -Dzookeeper.extendedTypesEnabled=true -Djute.maxbuffer=5000000 -Dzookeeper.jute.maxbuffer.extrasize=5000000"
        );
    }

    #[test]
    fn a_shell_takes_what_is_quoted_for_one_word() {
        for (text, word) in [("/a/b-1", "/a/b-1"), ("", "''"), ("a b", "'a b'"), ("a'b", r"'a'\''b'"), ("$a", "'$a'")] {
            assert_eq!(quoted(text), word);
        }
    }
}
