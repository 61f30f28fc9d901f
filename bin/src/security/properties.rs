//! Settings of a client, by the names that ZooKeeper's Java client has for them: `-Dzookeeper.client.secure=true`, in the variables
//! that zkCli.sh heeds, or in a properties file (`-client-configuration FILE`), which counts most.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::{self, MAX_FILE_BYTES, Property, properties};

/// Variables with flags of a JVM that zkCli.sh starts its shell with, weakest first.
const VARIABLES: [&str; 2] = ["CLIENT_JVMFLAGS", "JVMFLAGS"];

/// How a command that is a client is told with what to come.
#[derive(Args, Clone, Default)]
pub struct PropertyArgs {
    /// A system property of ZooKeeper's Java client: -Dzookeeper.client.secure=true for TLS, with
    /// -Dzookeeper.ssl.trustStore.location=FILE and so on. CLIENT_JVMFLAGS and JVMFLAGS are heeded too.
    #[arg(short = 'D', value_name = "name=value")]
    properties: Vec<String>,
    /// A properties file with the same settings, which counts most.
    #[arg(long, value_name = "FILE")]
    client_configuration: Option<PathBuf>,
}

/// A property may be a password.
impl fmt::Debug for PropertyArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PropertyArgs").field("client_configuration", &self.client_configuration).finish_non_exhaustive()
    }
}

impl PropertyArgs {
    /// The same arguments with another file, where there is one.
    pub fn with_file(&self, file: Option<&Path>) -> PropertyArgs {
        let file = file.map(Path::to_owned).or_else(|| self.client_configuration.clone());
        PropertyArgs { properties: self.properties.clone(), client_configuration: file }
    }

    /// All that is set.
    ///
    /// # Errors
    /// A sentence, where the file cannot be read.
    pub fn read(&self) -> Result<Properties, String> {
        let mut set = Properties::default();
        for variable in VARIABLES {
            let flags = std::env::var(variable).unwrap_or_default();
            config::properties_of_flags(&flags).iter().for_each(|property| set.take(property));
        }
        self.properties.iter().for_each(|text| set.take(&Property::split(text)));
        if let Some(file) = &self.client_configuration {
            set.take_file(file)?;
        }
        Ok(set)
    }
}

/// What is set, by the whole name of each. Some are secrets, so that none is shown.
#[derive(Clone, Default)]
pub struct Properties {
    by_name: BTreeMap<String, String>,
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

impl Properties {
    /// The value of a name, if one is set that is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A switch, as Java reads one.
    pub fn flag(&self, name: &str, otherwise: bool) -> bool {
        self.get(name).map_or(otherwise, |value| value.trim().eq_ignore_ascii_case("true"))
    }

    fn take(&mut self, Property { name, value }: &Property) {
        self.by_name.insert(name.trim().to_owned(), value.as_deref().unwrap_or_default().trim().to_owned());
    }

    fn take_file(&mut self, file: &Path) -> Result<(), String> {
        let wrong = |why: String| format!("{}: {why}", file.display());
        let bytes = config::read(file).map_err(|error| wrong(format!("it cannot be read: {error}")))?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(wrong(format!("it is longer than {MAX_FILE_BYTES} bytes")));
        }
        self.take_text(&bytes).map_err(wrong)
    }

    /// The lines of a properties file.
    ///
    /// # Errors
    /// A sentence with the line.
    pub fn take_text(&mut self, bytes: &[u8]) -> Result<(), String> {
        let entries = properties::parse(bytes).map_err(|error| format!("line {}: {error}", error.line))?;
        self.by_name.extend(entries.into_iter().map(|entry| (entry.key, entry.value)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Properties, Property};

    #[test]
    fn a_file_counts_most_and_nothing_is_shown() {
        let mut set = Properties::default();
        set.take(&Property::split("zookeeper.client.secure=false"));
        set.take(&Property::split("zookeeper.ssl.keyStore.password=hush"));
        set.take(&Property::split("empty="));
        set.take_text(b"zookeeper.client.secure=TRUE\n").unwrap();
        assert!(set.flag("zookeeper.client.secure", false) && set.flag("zookeeper.sasl.client", true));
        assert_eq!((set.get("zookeeper.ssl.keyStore.password"), set.get("empty")), (Some("hush"), None));
        assert!(!format!("{set:?}").contains("hush"));
    }
}
