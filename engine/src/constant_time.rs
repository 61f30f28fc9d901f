//! Comparison of secrets.

use std::hint::black_box;

/// Whether two secrets are equal, told after a time that depends on their lengths alone.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| black_box(difference | (x ^ y))) == 0
}

#[cfg(test)]
mod tests {
    use super::equal;

    #[test]
    fn equal_is_what_is_equal() {
        for (a, b) in [("", ""), ("a", "a"), ("secret", "secret")] {
            assert!(equal(a.as_bytes(), b.as_bytes()));
        }
        for (a, b) in [("", "a"), ("a", "b"), ("secret", "secreT"), ("Secret", "secret"), ("secret", "secret ")] {
            assert!(!equal(a.as_bytes(), b.as_bytes()), "{a} {b}");
        }
    }
}
