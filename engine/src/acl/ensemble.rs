//! The scheme `ensemble`: a client says to which ensemble it means to speak. It proves nothing, and no list can name it.

/// The names of this ensemble. `None`: no name is asked for.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Ensemble {
    names: Option<Vec<String>>,
}

/// What the name comes to that a client gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Greeting {
    /// The client gave none, or this ensemble has none.
    Unasked,
    Right,
    /// The client speaks to the wrong ensemble, and is to try another server.
    Wrong,
}

impl Ensemble {
    /// From the value of `ensembleAuthName`: names between commas, blanks around them not counted.
    pub fn new(names: Option<&str>) -> Ensemble {
        let names = names.map(|names| {
            // As Java splits: what is empty at the end makes no name.
            let kept = names.trim_end_matches(',');
            let none = kept.is_empty() && !names.is_empty();
            kept.split(',').filter(|_| !none).map(|name| name.trim_matches(|c| c <= ' ').to_owned()).collect()
        });
        Ensemble { names }
    }

    /// What a credential of this scheme comes to.
    pub fn greet(&self, name: Option<&[u8]>) -> Greeting {
        match (name, &self.names) {
            (None | Some([]), _) | (_, None) => Greeting::Unasked,
            (Some(name), Some(names)) => {
                let name = String::from_utf8_lossy(name);
                if names.iter().any(|known| *known == name) { Greeting::Right } else { Greeting::Wrong }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ensemble, Greeting};

    #[test]
    fn names_are_compared_as_they_are() {
        let ensemble = Ensemble::new(Some("one, two ,,"));
        for (name, expected) in [
            ("one", Greeting::Right),
            ("two", Greeting::Right),
            (" two", Greeting::Wrong),
            ("One", Greeting::Wrong),
            ("one, two", Greeting::Wrong),
            ("", Greeting::Unasked),
        ] {
            assert_eq!(ensemble.greet(Some(name.as_bytes())), expected, "{name:?}");
        }
        assert_eq!(ensemble.greet(None), Greeting::Unasked);
    }

    #[test]
    fn who_asks_for_no_name_takes_any() {
        assert_eq!(Ensemble::new(None).greet(Some(b"any")), Greeting::Unasked);
        for names in ["", ",", ", ,"] {
            assert_eq!(Ensemble::new(Some(names)).greet(Some(b"any")), Greeting::Wrong, "{names:?}");
        }
    }
}
