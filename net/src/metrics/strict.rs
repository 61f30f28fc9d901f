//! A strict reader of Prometheus' text format 0.0.4, by which tests judge what is exposed.

use std::collections::HashSet;

/// What is wrong with a text, and in which line; `Ok` if nothing is.
pub fn judge(text: &str) -> Result<(), String> {
    let lines = text.strip_suffix('\n').ok_or("the last line has no end")?;
    let mut reader = Reader::default();
    for line in lines.split('\n') {
        reader.take(line).map_err(|what| format!("{what}: {line}"))?;
    }
    reader.end()
}

type Judged = Result<(), &'static str>;

fn check(holds: bool, what: &'static str) -> Judged {
    if holds { Ok(()) } else { Err(what) }
}

#[derive(Default)]
struct Reader<'t> {
    /// The family whose samples come, and its kind once that is said.
    family: &'t str,
    kind: Option<&'t str>,
    families: HashSet<&'t str>,
    /// Names of samples that are not those of their families.
    others: HashSet<&'t str>,
    /// Names with labels.
    samples: HashSet<String>,
}

impl<'t> Reader<'t> {
    fn take(&mut self, line: &'t str) -> Judged {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').ok_or("no help")?;
            check(is_name(name) && !help.is_empty(), "no name or no help")?;
            (self.family, self.kind) = (name, None);
            return check(self.families.insert(name), "a family comes twice");
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or("no kind")?;
            check(name == self.family && self.kind.is_none(), "a kind that does not stand behind its help")?;
            self.kind = Some(kind);
            return check(["counter", "gauge", "summary"].contains(&kind), "an unknown kind");
        }
        self.take_sample(line)
    }

    fn take_sample(&mut self, line: &'t str) -> Judged {
        let (name, rest) = line.split_at(line.find(['{', ' ']).ok_or("no value")?);
        check(is_name(name), "no name")?;
        let (mut labels, value) = match rest.strip_prefix('{') {
            Some(rest) => labels_of(rest)?,
            None => (Vec::new(), rest),
        };
        let value = value.strip_prefix(' ').and_then(number_of).ok_or("no number behind one blank")?;
        let suffix = name.strip_prefix(self.family).ok_or("a sample of another family")?;
        let has_quantile = labels.iter().any(|(label, _)| label == "quantile");
        let fits = match (self.kind, suffix) {
            (Some("counter" | "gauge"), "") | (Some("summary"), "_count" | "_sum") => !has_quantile,
            (Some("summary"), "") => has_quantile,
            _ => false,
        };
        check(fits, "a sample that its family cannot have")?;
        let only_grows = self.kind == Some("counter") || suffix == "_count";
        check(!only_grows || value >= 0.0, "a number of events below 0")?;
        if !suffix.is_empty() {
            self.others.insert(name);
        }
        labels.sort();
        check(labels.windows(2).all(|pair| pair[0].0 != pair[1].0), "a label comes twice")?;
        check(self.samples.insert(format!("{name} {labels:?}")), "a sample comes twice")
    }

    fn end(&self) -> Result<(), String> {
        match self.others.intersection(&self.families).next() {
            Some(name) => Err(format!("a family has the name of another one's samples: {name}")),
            None => Ok(()),
        }
    }
}

type Labels = Vec<(String, String)>;

/// The labels behind a brace, and what follows the brace that closes them.
fn labels_of(mut rest: &str) -> Result<(Labels, &str), &'static str> {
    let mut labels = Vec::new();
    loop {
        if let Some(behind) = rest.strip_prefix('}') {
            return Ok((labels, behind));
        }
        let (label, behind) = rest.split_once("=\"").ok_or("a label without a value")?;
        check(is_name(label) && !label.contains(':'), "a label without a name")?;
        let (value, behind) = unquoted(behind).ok_or("a value of a label that has no end, or is not escaped")?;
        labels.push((label.to_owned(), value));
        rest = behind.strip_prefix(',').unwrap_or(behind);
        check(rest.len() < behind.len() || rest.starts_with('}'), "no comma between labels")?;
    }
}

/// A value up to its quotation mark, and what follows that.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            }),
            other => value.push(other),
        }
    }
    None
}

fn is_name(text: &str) -> bool {
    let may_begin = |character: char| character.is_ascii_alphabetic() || "_:".contains(character);
    text.starts_with(may_begin) && text.chars().all(|character| may_begin(character) || character.is_ascii_digit())
}

fn number_of(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        text => text.parse().ok().filter(|_| text.starts_with(|first: char| first == '-' || first.is_ascii_digit())),
    }
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn what_is_wrong_is_found() {
        let judged = |lines: &str| judge(&format!("# HELP a a\n# TYPE a summary\n{lines}"));
        assert_eq!(judged("a{quantile=\"0.5\",} NaN\na_count 1.0E7\na_sum{k=\"\\\"\\\\\\n{, \"} -Inf\n"), Ok(()));
        for lines in [
            "a_count 1.0",
            "a_count 1.0\n\n",
            "a 1.0\n",
            "a_count{quantile=\"0.5\"} 1.0\n",
            "b_count 1.0\n",
            "a_count -1.0\n",
            "a_count  1.0\n",
            "a_count x\n",
            "a_count inf\n",
            "a_count 1.0\na_count 1.0\n",
            "a{quantile=\"0.5} 1.0\n",
            "a_count{k=\"\\x\"} 1.0\n",
            "a_count{k=\"1\"l=\"2\"} 1.0\n",
            "a_count{k=\"1\",k=\"2\"} 1.0\n",
            "a_count{1=\"1\"} 1.0\n",
            "# HELP a a\n# TYPE a summary\n",
            "# TYPE b gauge\n",
            "# HELP b b\nb 1.0\n",
            "# HELP b b\n# TYPE b number\n",
            "a_count 1.0\n# HELP a_count b\n# TYPE a_count gauge\n",
        ] {
            assert!(judged(lines).is_err(), "{lines}");
        }
    }
}
