//! Bytes as `get -x` shows them: sixteen in a row, with the characters of those that have one.

const RULE: &str = "+--------+-------------------------------------------------+----------------+";
const ROW_BYTES: usize = 16;

/// Nothing for no bytes.
pub fn dump(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return String::new();
    }
    let mut lines = vec![
        "         +-------------------------------------------------+".to_owned(),
        "         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |".to_owned(),
        RULE.to_owned(),
    ];
    for (row, bytes) in bytes.chunks(ROW_BYTES).enumerate() {
        let hex: String = bytes.iter().map(|byte| format!(" {byte:02x}")).collect();
        let text: String = bytes.iter().map(|byte| shown(*byte)).collect();
        lines.push(format!("|{:08x}|{hex:<48} |{text:<16}|", row * ROW_BYTES));
    }
    lines.push(RULE.to_owned());
    lines.join("\n")
}

fn shown(byte: u8) -> char {
    if matches!(byte, b' '..=b'~') { byte.into() } else { '.' }
}

#[cfg(test)]
mod tests {
    use super::dump;

    #[test]
    fn rows_have_sixteen_bytes() {
        assert_eq!(dump(b""), "");
        let expected = "\
         +-------------------------------------------------+
         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |
+--------+-------------------------------------------------+----------------+
|00000000| 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66 |0123456789abcdef|
|00000010| 0a ff 7e                                        |..~             |
+--------+-------------------------------------------------+----------------+";
        assert_eq!(dump(b"0123456789abcdef\n\xff~"), format!("         {expected}"));
    }
}
