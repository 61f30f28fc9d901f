//! What a list costs while it is made: its text, and the values that the text is made of, which take several times as much where
//! texts are short.

use super::json::Json;
use super::outcome::{Refusal, TEXT_MAX};

/// The values of a list, bytes.
const VALUES_MAX: usize = 128 << 20;
/// A value without the bytes of its text: itself, its place in the list in which it was gathered, of which half may be empty, and
/// what an allocation takes besides.
const VALUE_BYTES: usize = size_of::<Json>() + 2 * size_of::<String>() + 16;
/// A name with a list behind it costs as much as so many values: it stands in a map before.
const NAME_VALUES: usize = 3;

#[derive(Default)]
pub struct ListCost {
    text: usize,
    values: usize,
}

impl ListCost {
    /// So many values more, which take so many bytes of text in all.
    pub fn add(&mut self, values: usize, text: usize) {
        self.text = self.text.saturating_add(text);
        self.values = self.values.saturating_add(values.saturating_mul(VALUE_BYTES)).saturating_add(text);
    }

    /// So many names with lists behind them more.
    pub fn add_names(&mut self, names: usize, text: usize) {
        self.add(NAME_VALUES * names, text);
    }

    /// Whether it can go on.
    pub fn is_borne(&self) -> bool {
        self.text <= TEXT_MAX && self.values <= VALUES_MAX
    }

    /// # Errors
    /// [`Refusal::too_much`].
    pub fn check(&self) -> Result<(), Refusal> {
        if self.is_borne() { Ok(()) } else { Err(Refusal::too_much()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{ListCost, NAME_VALUES, VALUE_BYTES, VALUES_MAX};
    use crate::admin::outcome::TEXT_MAX;

    fn cost(values: usize, text: usize) -> ListCost {
        let mut cost = ListCost::default();
        cost.add(values, text);
        cost
    }

    #[test]
    fn long_texts_are_bounded_by_their_bytes() {
        assert!(cost(1, TEXT_MAX).check().is_ok());
        assert!(cost(1, TEXT_MAX + 1).check().is_err() && cost(1, usize::MAX).check().is_err());
    }

    #[test]
    fn short_ones_are_bounded_by_their_number() {
        let most = VALUES_MAX / VALUE_BYTES;
        assert!(cost(most, 0).check().is_ok());
        assert!(cost(most + 1, 0).check().is_err());
        let paths = TEXT_MAX / 14;
        assert!(cost(paths, 14 * paths).check().is_err(), "their text alone would be told");
    }

    #[test]
    fn a_name_costs_more_than_a_value() {
        let most = VALUES_MAX / VALUE_BYTES / NAME_VALUES;
        let mut cost = ListCost::default();
        cost.add_names(most, 0);
        assert!(cost.is_borne());
        cost.add_names(1, 0);
        assert!(!cost.is_borne());
    }
}
