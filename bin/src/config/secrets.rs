//! What of a configuration nobody is told who only asks for it: passwords, and who the super user is.

/// What stands in the place of a secret.
const HIDDEN: &str = "***";

/// The value of a key as it may be told.
pub fn shown_value<'a>(key: &str, value: &'a str) -> &'a str {
    if is_secret(key) { HIDDEN } else { value }
}

/// Whether nobody but the server is to know the value of a key.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    // A path leads to a secret and is none.
    key.ends_with("password") || key.contains("superdigest") && !key.ends_with("path")
}

/// A file of properties as it may be told, line by line: comments and all that is no secret stay as they are.
pub fn without_secrets(text: &str) -> String {
    let (mut told, mut goes_on) = (String::with_capacity(text.len()), false);
    for line in text.split_inclusive('\n') {
        let (content, end) = match line.strip_suffix('\n') {
            Some(content) => (content, "\n"),
            None => (line, ""),
        };
        let is_hidden = match goes_on {
            true => {
                told.push_str(HIDDEN);
                true
            }
            false => push_entry(content, &mut told),
        };
        goes_on = is_hidden && continues(content);
        told.push_str(end);
    }
    told
}

/// Tells a line. Whether it has a secret.
fn push_entry(line: &str, told: &mut String) -> bool {
    let trimmed = line.trim_start();
    let is_comment = trimmed.starts_with(['#', '!']);
    let end = trimmed.find(['=', ':', ' ', '\t']).unwrap_or(trimmed.len());
    if is_comment || !is_secret(&trimmed[..end]) {
        told.push_str(line);
        return false;
    }
    told.push_str(&line[..line.len() - trimmed.len() + end]);
    told.push('=');
    told.push_str(HIDDEN);
    true
}

/// Whether the next line belongs to this one: an odd number of backslashes ends it.
fn continues(line: &str) -> bool {
    let line = line.strip_suffix('\r').unwrap_or(line);
    (line.len() - line.trim_end_matches('\\').len()) % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::{shown_value, without_secrets};

    #[test]
    fn secrets_are_known_by_their_keys() {
        for key in [
            "ssl.keyStore.password",
            "DigestAuthenticationProvider.superDigest",
            "SASLAuthenticationProvider.superPassword",
        ] {
            assert_eq!(shown_value(key, "hush"), "***", "{key}");
        }
        for key in ["ssl.keyStore.passwordPath", "paddock.superDigestPath", "tickTime", "superUser"] {
            assert_eq!(shown_value(key, "x"), "x", "{key}");
        }
    }

    #[test]
    fn a_file_keeps_all_but_its_secrets() {
        let text = "# password=x\ntickTime=5\r\n ssl.keyStore.password = hush\nssl.trustStore.password:a\\\n b\\\\\nlast=\\\nrest";
        let expected =
            "# password=x\ntickTime=5\r\n ssl.keyStore.password=***\nssl.trustStore.password=***\n***\nlast=\\\nrest";
        assert_eq!(without_secrets(text), expected);
        assert_eq!(without_secrets(""), "");
    }
}
