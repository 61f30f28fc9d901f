//! What a server demands of its clients and how many it takes: throttles, large requests, sessions.

use super::assembly::{Assembly, count, size};
use super::settings::Setting;
use super::value::Value;
use super::{ConnectionThrottleSettings, NewSessions, RequestThrottleSettings};
use paddock_engine::acl::DigestAlgorithm;
use paddock_net::throttle::Weights;
use std::time::Duration;

/// ZooKeeper's default for the bytes of all large requests, which it keeps where the value makes no sense.
const LARGE_REQUEST_MAX_BYTES: i64 = 100 << 20;

impl Assembly<'_> {
    pub(super) fn connection_throttle(&mut self) -> ConnectionThrottleSettings {
        let weights = self.flag("connection_throttle_weight_enabled").then(|| self.weights());
        let number = |key: &str| u64::from(count(self.number(key)));
        ConnectionThrottleSettings {
            tokens: number("connection_throttle_tokens"),
            fill_count: number("connection_throttle_fill_count"),
            fill_time_ms: number("connection_throttle_fill_time"),
            freeze_time_ms: u64::try_from(self.number("connection_throttle_freeze_time")).ok(),
            drop_increase: self.decimal("connection_throttle_drop_increase"),
            drop_decrease: self.decimal("connection_throttle_drop_decrease"),
            decrease_ratio: self.decimal("connection_throttle_decrease_ratio"),
            weights,
        }
    }

    /// A weight that is not positive is the default, and no kind costs less than a local session, as in ZooKeeper.
    fn weights(&mut self) -> Weights {
        let mut weight = |key: &str, default: i64, least: i64| {
            let number = self.number(key);
            let used = if number <= 0 { default } else { number.max(least) };
            if used != number {
                self.replace_number(key, number, used);
            }
            used
        };
        let local = weight("connection_throttle_local_session_weight", 1, 1);
        let global = weight("connection_throttle_global_session_weight", 3, local);
        let renew = weight("connection_throttle_renew_session_weight", 2, local);
        let [global, local, renew] = [global, local, renew].map(|number| u64::from(count(number)));
        Weights { global, local, renew }
    }

    pub(super) fn request_throttle(&self) -> RequestThrottleSettings {
        let max = size(self.number("request_throttle_max_requests"));
        let wait_ms = u64::from(count(self.number("throttled_op_wait_time")));
        RequestThrottleSettings {
            requests_max: (max > 0).then_some(max),
            drops_stale: self.flag("request_throttle_drop_stale"),
            checks_connection: self.flag("request_stale_connection_check"),
            checks_latency: self.flag("request_stale_latency_check"),
            wait_max: (wait_ms > 0).then(|| Duration::from_millis(wait_ms)),
        }
    }

    pub(super) fn large_request_threshold(&mut self) -> Option<usize> {
        let threshold = self.number("largeRequestThreshold");
        if threshold == 0 || threshold < -1 {
            self.replace_number("largeRequestThreshold", threshold, -1);
        }
        (threshold > 0).then(|| size(threshold))
    }

    pub(super) fn large_request_max_bytes(&mut self) -> u64 {
        let bytes = self.number("largeRequestMaxBytes");
        if bytes > 0 {
            return u64::from(count(bytes));
        }
        self.replace_number("largeRequestMaxBytes", bytes, LARGE_REQUEST_MAX_BYTES);
        LARGE_REQUEST_MAX_BYTES.unsigned_abs()
    }

    pub(super) fn connections_bytes_max(&self) -> usize {
        usize::try_from(self.number("paddock.connections.maxBytes")).expect("the kind is positive")
    }

    /// ZooKeeper's standalone server has global sessions only, whatever the file says; so has this one, unless it is
    /// told by a key of its own that the file counts. A member of an ensemble does as the file says.
    pub(super) fn new_sessions(&mut self, is_member: bool) -> NewSessions {
        let own_key = "paddock.standalone.localSessions";
        if let Some(Setting { place, spelled, .. }) = self.settings.given(own_key).filter(|_| is_member).cloned() {
            let reason = "a member of an ensemble goes by localSessionsEnabled".to_owned();
            self.settings.without_effect(&place, &spelled, reason);
        }
        if !self.flag("localSessionsEnabled") {
            return NewSessions::Global;
        }
        if is_member || self.flag(own_key) {
            return NewSessions::Local { may_upgrade: self.flag("localSessionsUpgradingEnabled") };
        }
        for key in ["localSessionsEnabled", "localSessionsUpgradingEnabled"] {
            if let Some(Setting { place, spelled, .. }) = self.settings.given(key).filter(|_| self.flag(key)).cloned() {
                let reason = "a standalone server has global sessions only, as ZooKeeper's has; \
                              paddock.standalone.localSessions=true serves local ones";
                self.settings.without_effect(&place, &spelled, reason.to_owned());
            }
        }
        NewSessions::Global
    }

    pub(super) fn digest_algorithm(&self) -> DigestAlgorithm {
        match self.settings.value("DigestAuthenticationProvider.digestAlg") {
            Some(Value::Text(name)) => DigestAlgorithm::named(&name).expect("the kind takes no other names"),
            other => panic!("the algorithm is a word with a default in the table of keys, not {other:?}"),
        }
    }

    /// Says that `used` takes the place of a number that makes no sense, where somebody wrote it.
    fn replace_number(&mut self, key: &str, number: i64, used: i64) {
        if let Some(Setting { place, spelled, .. }) = self.settings.given(key).cloned() {
            self.settings.warn(&place, format!("{spelled}: {number} makes no sense; {used} is used, as in ZooKeeper"));
        }
    }

    fn decimal(&self, key: &str) -> f64 {
        match self.settings.value(key) {
            Some(Value::Decimal(number)) => number,
            other => panic!("{key} is a decimal number with a default in the table of keys, not {other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::assembly::tests::assemble_in;
    use super::super::error::ConfigError;
    use super::super::{Config, Loaded, NewSessions};
    use super::*;

    fn load(lines: &str) -> Result<Loaded, ConfigError> {
        let text = format!("dataDir=/data\nclientPort=2181\n{lines}");
        assemble_in(&[("zoo.cfg", &text)], Some("zoo.cfg"), &[])
    }

    /// A configuration without anything to remark.
    fn config(lines: &str) -> Config {
        let Loaded { config, warnings } = load(lines).unwrap_or_else(|error| panic!("{lines:?}: {error}"));
        assert_eq!(warnings, [], "{lines:?}");
        config
    }

    fn warnings(lines: &str) -> Vec<String> {
        load(lines).expect(lines).warnings.iter().map(ToString::to_string).collect()
    }

    fn refused(lines: &str) -> String {
        load(lines).expect_err(lines).to_string()
    }

    #[test]
    fn throttles_are_off_by_default() {
        let config = config("");
        assert_eq!(config.connection_throttle.tokens, 0);
        assert_eq!(config.connection_throttle.weights, None);
        assert_eq!((config.request_throttle.requests_max, config.request_throttle.wait_max), (None, None));
        assert_eq!((config.large_request_threshold, config.large_request_max_bytes), (None, 100 << 20));
        assert_eq!(config.new_sessions, NewSessions::Global);
        assert!(config.enforced_schemes.is_empty());
        assert_eq!(config.digest_algorithm, DigestAlgorithm::default());
    }

    #[test]
    fn the_throttle_of_connections() {
        let lines = "connection_throttle_tokens=7\nconnectionTokenFillTime=20\nconnection_throttle_fill_count=2\n\
                     connection_throttle_freeze_time=0\nconnection_throttle_drop_increase=0.5\n\
                     connection_throttle_weight_enabled=true\nconnection_throttle_global_session_weight=5";
        let throttle = config(lines).connection_throttle;
        assert_eq!((throttle.tokens, throttle.fill_time_ms, throttle.fill_count), (7, 20, 2));
        assert_eq!((throttle.freeze_time_ms, throttle.drop_increase, throttle.drop_decrease), (Some(0), 0.5, 0.002));
        assert_eq!(throttle.weights, Some(Weights { global: 5, local: 1, renew: 2 }));
        let odd = "connection_throttle_weight_enabled=true\nconnection_throttle_local_session_weight=4\n\
                   connection_throttle_global_session_weight=2\nconnection_throttle_renew_session_weight=-1";
        assert_eq!(
            load(odd).expect("well formed").config.connection_throttle.weights,
            Some(Weights { global: 4, local: 4, renew: 2 })
        );
        assert!(warnings(odd)[0].starts_with("zoo.cfg:5: connection_throttle_global_session_weight: 2 makes no sense"));
        assert!(refused("connection_throttle_fill_time=0").starts_with("zoo.cfg:3: connection_throttle_fill_time: "));
        assert!(refused("connection_throttle_drop_increase=x").starts_with("zoo.cfg:3: "));
    }

    #[test]
    fn the_throttle_of_requests() {
        let lines = "request_throttle_max_requests=9\nrequest_throttle_drop_stale=false\n\
                     requestStaleLatencyCheck=true\nrequest_stale_connection_check=false\nthrottled_op_wait_time=30";
        let expected = RequestThrottleSettings {
            requests_max: Some(9),
            drops_stale: false,
            checks_connection: false,
            checks_latency: true,
            wait_max: Some(Duration::from_millis(30)),
        };
        assert_eq!(config(lines).request_throttle, expected);
        assert!(
            refused("request_throttle_max_requests=many").starts_with("zoo.cfg:3: request_throttle_max_requests: ")
        );
    }

    #[test]
    fn the_memory_of_connections_is_always_bounded() {
        assert_eq!(config("").connections_bytes_max, 512 << 20);
        assert_eq!(config("paddock.connections.maxBytes=8589934592").connections_bytes_max, 8 << 30);
        for wrong in ["0", "-1", "16777215", "1099511627777", "half"] {
            let refusal = refused(&format!("paddock.connections.maxBytes={wrong}"));
            assert!(refusal.starts_with("zoo.cfg:3: paddock.connections.maxBytes: "), "{refusal}");
        }
    }

    #[test]
    fn large_requests() {
        let config = config("largeRequestThreshold=1000\nlargeRequestMaxBytes=5000");
        assert_eq!((config.large_request_threshold, config.large_request_max_bytes), (Some(1000), 5000));
        let odd = "largeRequestThreshold=0\nlargeRequestMaxBytes=0";
        let loaded = load(odd).expect("well formed");
        let large = (loaded.config.large_request_threshold, loaded.config.large_request_max_bytes);
        assert_eq!((large, loaded.warnings.len()), ((None, 100 << 20), 2));
    }

    #[test]
    fn local_sessions_need_a_word_of_their_own() {
        let lines = "localSessionsEnabled=true\npaddock.standalone.localSessions=true";
        assert_eq!(config(lines).new_sessions, NewSessions::Local { may_upgrade: false });
        let lines =
            "localSessionsEnabled=true\nlocalSessionsUpgradingEnabled=true\npaddock.standalone.localSessions=true";
        assert_eq!(config(lines).new_sessions, NewSessions::Local { may_upgrade: true });
        let lines = "localSessionsEnabled=true\nlocalSessionsUpgradingEnabled=true";
        assert_eq!(load(lines).expect("well formed").config.new_sessions, NewSessions::Global);
        assert!(warnings(lines)[0].starts_with("zoo.cfg:3: localSessionsEnabled: a standalone server has global"));
        assert_eq!(config("paddock.standalone.localSessions=true").new_sessions, NewSessions::Global);
    }

    #[test]
    fn digest_algorithms() {
        let line = |name: &str| format!("DigestAuthenticationProvider.digestAlg={name}");
        assert_eq!(config(&line("sha-256")).digest_algorithm, DigestAlgorithm::named("SHA-256").expect("known"));
        assert!(refused(&line("MD99")).starts_with("zoo.cfg:3: DigestAuthenticationProvider.digestAlg: "));
    }
}
