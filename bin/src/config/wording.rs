//! What somebody wrote, key by key, for whoever examines a configuration and does not serve by it. So it is there for a file that
//! no server would start with, too.

use std::collections::BTreeMap;

use super::keys;
use super::place::Place;
use super::secrets;
use super::settings::Setting;
use super::value::Value;

/// The setting that counts, for each key that somebody wrote.
#[derive(Debug, Default)]
pub struct Wordings {
    by_name: BTreeMap<String, Setting>,
}

impl Wordings {
    pub(super) fn new(by_name: BTreeMap<String, Setting>) -> Wordings {
        Wordings { by_name }
    }

    /// The text of `key` as it was written; it may be a secret. `key` is spelled as a file does.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.by_name.get(key).map(|setting| setting.text.as_str())
    }

    /// Where `key` was written, if it was.
    pub fn place(&self, key: &str) -> Option<&Place> {
        self.by_name.get(key).map(|setting| &setting.place)
    }

    /// The switch `key`, which has a default in the table of keys.
    pub fn flag(&self, key: &str) -> bool {
        let value = match self.by_name.get(key) {
            Some(setting) => Some(setting.value.clone()),
            None => keys::find(key).and_then(|(key, _)| key.default_value()),
        };
        value == Some(Value::Bool(true))
    }

    /// Keys that begin with `prefix`, with their places and texts, in the order of the alphabet.
    pub fn family<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Place, &'a str)> {
        let of_family = self.by_name.iter().filter(move |(name, _)| name.starts_with(prefix));
        of_family.map(|(name, setting)| (name.as_str(), &setting.place, setting.text.as_str()))
    }

    /// Keys whose value nobody but the server is to know, with their places.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, &Place)> {
        let secret = self.by_name.iter().filter(|(name, setting)| secrets::is_secret(name) && !setting.text.is_empty());
        secret.map(|(name, setting)| (name.as_str(), &setting.place))
    }
}
