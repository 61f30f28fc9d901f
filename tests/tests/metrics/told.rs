//! One answer to `mntr`.
use paddock_tests::server::{DEADLINE, Server, four_letter_word, poll_until};

pub struct Told(String);

impl Told {
    pub fn by(server: &Server) -> Told {
        Told(four_letter_word(server.address(), "mntr", DEADLINE).unwrap_or_else(|error| panic!("mntr: {error}")))
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    /// The value of a key, without `zk_`.
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix("zk_")?.strip_prefix(key)?.strip_prefix('\t'))
    }

    #[track_caller]
    pub fn number(&self, key: &str) -> f64 {
        let text = self.text_of(key).unwrap_or_else(|| panic!("no {key} in {}", self.0));
        text.parse().unwrap_or_else(|_| panic!("{key} is {text}"))
    }

    /// The keys, without `zk_`, in their order.
    pub fn keys(&self) -> Vec<&str> {
        let keys = self.0.lines().filter_map(|line| line.split('\t').next());
        keys.map(|key| key.strip_prefix("zk_").unwrap_or_else(|| panic!("{key}"))).collect()
    }
}

/// Waits until a key of a server has at least this value.
#[track_caller]
pub fn wait_for(server: &Server, key: &str, least: f64) -> Told {
    let told = poll_until(DEADLINE, || {
        // Where connections are limited it may have to be asked again.
        let told = four_letter_word(server.address(), "mntr", DEADLINE).map(Told).ok()?;
        let value = told.text_of(key).and_then(|text| text.parse::<f64>().ok());
        value.is_some_and(|value| value >= least).then_some(told)
    });
    told.unwrap_or_else(|| panic!("{key} is {:?} and not {least}", Told::by(server).text_of(key)))
}
