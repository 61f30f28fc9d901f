//! A page of many things that come in no order: the smallest keys after one, with what is known of each.

use std::collections::BTreeMap;

/// Keys of a page.
pub const PAGE_MAX: usize = 200;

pub struct Page<K, V> {
    /// The last key of the page before.
    after: Option<K>,
    /// One more than is told, by which it is known that there are more.
    kept: BTreeMap<K, V>,
}

impl<K: Ord, V: Default> Page<K, V> {
    pub fn new(after: Option<K>) -> Page<K, V> {
        Page { after, kept: BTreeMap::new() }
    }

    /// Where something of this key belongs; `None` if it is not of this page. A key may come again.
    pub fn place(&mut self, key: K) -> Option<&mut V> {
        if self.after.as_ref().is_some_and(|after| key <= *after) {
            return None;
        }
        if self.kept.len() > PAGE_MAX && !self.kept.contains_key(&key) {
            // What is beyond the last one now will be beyond it for ever.
            if self.kept.last_key_value().is_some_and(|(last, _)| key > *last) {
                return None;
            }
            self.kept.pop_last();
        }
        Some(self.kept.entry(key).or_default())
    }

    /// What there is, in its order, and whether there is more.
    pub fn finish(mut self) -> (Vec<(K, V)>, bool) {
        let has_more = self.kept.len() > PAGE_MAX;
        if has_more {
            self.kept.pop_last();
        }
        (self.kept.into_iter().collect(), has_more)
    }
}

#[cfg(test)]
mod tests {
    use super::{PAGE_MAX, Page};

    /// All pages of these keys, each with how often they came.
    fn pages(keys: &[u32]) -> Vec<Vec<(u32, usize)>> {
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let mut page: Page<u32, usize> = Page::new(after);
            for key in keys {
                if let Some(count) = page.place(*key) {
                    *count += 1;
                }
            }
            let (told, has_more) = page.finish();
            after = told.last().map(|(key, _)| *key);
            pages.push(told);
            if !has_more {
                return pages;
            }
        }
    }

    #[test]
    fn pages_have_all_keys_in_their_order_and_each_once() {
        // 7 has no divisor in common with 1009, so that every number comes once.
        let keys: Vec<u32> = (0..1009).map(|number| number * 7 % 1009).collect();
        let pages = pages(&keys);
        assert!(pages[..5].iter().all(|page| page.len() == PAGE_MAX));
        let told: Vec<(u32, usize)> = pages.into_iter().flatten().collect();
        assert_eq!(told, (0..1009).map(|key| (key, 1)).collect::<Vec<_>>());
    }

    #[test]
    fn a_key_that_comes_again_is_known_again() {
        let keys: Vec<u32> = (0..300).chain(0..300).collect();
        let pages = pages(&keys);
        assert!(pages.iter().flatten().all(|(_, count)| *count == 2));
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [200, 100]);
    }

    #[test]
    fn a_full_page_that_is_the_last_has_no_more() {
        assert_eq!(pages(&(0..PAGE_MAX as u32).collect::<Vec<_>>()).len(), 1);
        assert_eq!(pages(&[]), [Vec::new()]);
    }
}
