//! Text on a terminal: what would move the cursor, change a colour or a title, or type an answer is shown by its number instead.
//! Programs that read are given every byte as it is.

use std::borrow::Cow;

/// As it is but for control characters, of which new lines and tabs stay. The numbers are as JSON escapes them.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) {
            shown.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

fn is_hidden(character: char) -> bool {
    character.is_control() && !matches!(character, '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn what_a_terminal_obeys_is_shown() {
        assert_eq!(visible("two\n\tlines, 中 and │"), "two\n\tlines, 中 and │");
        assert_eq!(visible("\u{1b}[2Jx\r\u{7}\u{9b}31m\0"), "\\u001b[2Jx\\u000d\\u0007\\u009b31m\\u0000");
    }
}
