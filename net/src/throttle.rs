//! The throttle of new connections: a bucket of tokens, and before it a chance of being turned away at random.
//!
//! Every handshake takes tokens from the bucket. Tokens come back with time, and a handshake that finds too few is turned
//! away. A bucket alone lets in all until it is empty, and then nearly none. So before the bucket each handshake is turned
//! away with a certain chance. The chance rises while the bucket is empty and falls when the bucket has recovered, each at
//! most once in a *freeze time*. Under a steady overload it comes to turn away about as many as the bucket would.
//!
//! The clock and the random numbers are the caller's.

/// What the operator decides. The throttle is off by default, and on when `tokens` is set.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ConnectionThrottleSettings {
    /// The size of the bucket; 0 turns the throttle off.
    pub tokens: u64,
    /// How many tokens come back in each fill time.
    pub fill_count: u64,
    /// The fill time, ms; at least 1.
    pub fill_time_ms: u64,
    /// The time between two changes of the chance, ms; `None` leaves the chance at 0.
    pub freeze_time_ms: Option<u64>,
    /// By how much the chance rises at a time.
    pub drop_increase: f64,
    /// By how much the chance falls at a time.
    pub drop_decrease: f64,
    /// The chance falls if no more than this part of the bucket is missing, 0 to 1.
    pub decrease_ratio: f64,
    /// How many tokens a handshake takes by its kind; `None` is one token for each.
    pub weights: Option<Weights>,
}

/// How many tokens each kind of handshake takes. With weights, the size of the bucket and what comes back are multiplied by
/// `global`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weights {
    pub global: u64,
    pub local: u64,
    pub renew: u64,
}

/// What a connection asks for in its handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handshake {
    /// A new global session.
    Global,
    /// A new local session.
    Local,
    /// A session that comes back.
    Renew,
}

/// The bucket and the chance.
#[derive(Debug)]
pub struct ConnectionThrottle {
    settings: ConnectionThrottleSettings,
    /// The size of the bucket.
    tokens_max: u64,
    /// How many tokens come back in each fill time.
    fill_count: u64,
    /// The tokens that are in the bucket.
    tokens: u64,
    /// When tokens came back last, ms.
    filled_ms: u64,
    /// The chance of being turned away, 0 to 1.
    drop_chance: f64,
    /// When the chance was last looked at for a change, ms.
    frozen_ms: u64,
}

impl ConnectionThrottle {
    pub fn new(settings: ConnectionThrottleSettings, now_ms: u64) -> ConnectionThrottle {
        let scale = settings.weights.map_or(1, |weights| weights.global);
        let tokens_max = settings.tokens.saturating_mul(scale);
        ConnectionThrottle {
            settings,
            tokens_max,
            fill_count: settings.fill_count.saturating_mul(scale),
            tokens: tokens_max,
            filled_ms: now_ms,
            drop_chance: 0.0,
            frozen_ms: now_ms,
        }
    }

    /// Whether a handshake may go on; if so, it has taken its tokens. `dice` is a random number, at least 0 and below 1.
    pub fn admits(&mut self, handshake: Handshake, now_ms: u64, dice: f64) -> bool {
        if self.tokens_max == 0 {
            return true;
        }
        self.fill(now_ms);
        self.change_chance(now_ms);
        let cost = self.cost(handshake);
        if dice < self.drop_chance || self.tokens < cost {
            return false;
        }
        self.tokens -= cost;
        true
    }

    /// How many tokens the bucket lacks.
    pub fn token_deficit(&self) -> u64 {
        self.tokens_max - self.tokens
    }

    /// The chance of being turned away, 0 to 1.
    pub fn drop_chance(&self) -> f64 {
        self.drop_chance
    }

    fn cost(&self, handshake: Handshake) -> u64 {
        self.settings.weights.map_or(1, |weights| match handshake {
            Handshake::Global => weights.global,
            Handshake::Local => weights.local,
            Handshake::Renew => weights.renew,
        })
    }

    fn fill(&mut self, now_ms: u64) {
        let passed = now_ms.saturating_sub(self.filled_ms);
        if passed > self.settings.fill_time_ms {
            let back = passed.saturating_mul(self.fill_count) / self.settings.fill_time_ms.max(1);
            self.tokens = self.tokens.saturating_add(back).min(self.tokens_max);
            self.filled_ms = now_ms;
        }
    }

    fn change_chance(&mut self, now_ms: u64) {
        let Some(freeze_time) = self.settings.freeze_time_ms else { return };
        if now_ms.saturating_sub(self.frozen_ms) <= freeze_time {
            return;
        }
        let missing = self.tokens_max - self.tokens;
        let recovered = (self.tokens_max as f64 * self.settings.decrease_ratio).round();
        if missing == self.tokens_max {
            self.drop_chance = (self.drop_chance + self.settings.drop_increase).min(1.0);
        } else if missing as f64 <= recovered {
            self.drop_chance = (self.drop_chance - self.settings.drop_decrease).max(0.0);
        }
        self.frozen_ms = now_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::{ConnectionThrottle, ConnectionThrottleSettings, Handshake, Weights};

    fn settings(tokens: u64) -> ConnectionThrottleSettings {
        ConnectionThrottleSettings {
            tokens,
            fill_count: 1,
            fill_time_ms: 10,
            freeze_time_ms: None,
            drop_increase: 0.25,
            drop_decrease: 0.125,
            decrease_ratio: 0.0,
            weights: None,
        }
    }

    fn admitted(throttle: &mut ConnectionThrottle, tries: u32, now_ms: u64) -> u32 {
        (0..tries).map(|_| u32::from(throttle.admits(Handshake::Global, now_ms, 0.0))).sum()
    }

    #[test]
    fn off_without_tokens() {
        let mut throttle = ConnectionThrottle::new(settings(0), 0);
        assert_eq!(admitted(&mut throttle, 1000, 0), 1000);
    }

    #[test]
    fn a_bucket_empties_and_fills_with_time() {
        let mut throttle = ConnectionThrottle::new(settings(3), 100);
        assert_eq!((admitted(&mut throttle, 5, 100), throttle.token_deficit()), (3, 3));
        assert_eq!(admitted(&mut throttle, 5, 110), 0, "not before more than the fill time has passed");
        assert_eq!(admitted(&mut throttle, 5, 120), 2);
        assert_eq!(admitted(&mut throttle, 5, 10_000), 3, "no more than the bucket holds");
    }

    #[test]
    fn kinds_have_their_weights() {
        let weights = Weights { global: 3, local: 1, renew: 2 };
        let mut throttle =
            ConnectionThrottle::new(ConnectionThrottleSettings { weights: Some(weights), ..settings(2) }, 0);
        // Six tokens: the bucket is for two global sessions.
        for (handshake, admitted) in [
            (Handshake::Renew, true),
            (Handshake::Global, true),
            (Handshake::Renew, false),
            (Handshake::Local, true),
            (Handshake::Local, false),
        ] {
            assert_eq!(throttle.admits(handshake, 0, 0.5), admitted, "{handshake:?}");
        }
        assert!(throttle.admits(Handshake::Global, 11, 0.5), "what comes back is multiplied too");
    }

    #[test]
    fn the_chance_rises_while_the_bucket_is_empty_and_falls_when_it_is_full() {
        let settings = ConnectionThrottleSettings { freeze_time_ms: Some(0), fill_count: 0, ..settings(1) };
        let mut throttle = ConnectionThrottle::new(settings, 0);
        assert!(throttle.admits(Handshake::Global, 0, 0.9));
        for now in 1..=2 {
            assert!(!throttle.admits(Handshake::Global, now, 0.9));
        }
        assert_eq!(throttle.drop_chance, 0.5);
        throttle.tokens = 1;
        assert!(!throttle.admits(Handshake::Global, 3, 0.37), "the dice are against it");
        assert_eq!((throttle.drop_chance, throttle.tokens), (0.375, 1), "who is turned away takes no token");
        assert!(throttle.admits(Handshake::Global, 4, 0.3));
        assert_eq!(throttle.drop_chance, 0.25);
    }

    #[test]
    fn the_chance_stays_within_its_bounds_and_within_its_freeze_time() {
        let settings =
            ConnectionThrottleSettings { freeze_time_ms: Some(5), drop_increase: 0.75, fill_count: 0, ..settings(1) };
        let mut throttle = ConnectionThrottle::new(settings, 0);
        throttle.tokens = 0;
        let chances = [0, 5, 6, 7, 12, 18].map(|now| {
            throttle.admits(Handshake::Global, now, 0.0);
            throttle.drop_chance
        });
        assert_eq!(chances, [0.0, 0.0, 0.75, 0.75, 1.0, 1.0]);
    }

    #[test]
    fn insane_numbers_overflow_nothing() {
        let settings = ConnectionThrottleSettings { fill_count: u64::MAX, fill_time_ms: 0, ..settings(u64::MAX) };
        let mut throttle = ConnectionThrottle::new(settings, 0);
        assert!(throttle.admits(Handshake::Global, u64::MAX, 0.0));
        assert!(throttle.admits(Handshake::Global, 0, 0.0), "a clock that goes back");
    }
}
