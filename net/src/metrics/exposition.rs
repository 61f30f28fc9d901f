//! The form of Prometheus' text format 0.0.4, as the library simpleclient writes it: a comma behind every label, and numbers as Java
//! prints them.

use std::fmt::Write as _;

use super::java_double::java_double;

/// A text as it grows.
#[derive(Default)]
pub struct Exposition(String);

impl Exposition {
    /// Begins a family.
    pub fn family(&mut self, name: &str, help: &str, kind: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("writing to a String cannot fail");
    }

    /// A sample of the family.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        if !labels.is_empty() {
            self.0.push('{');
            for (label, value) in labels {
                let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                write!(self.0, "{label}=\"{value}\",").expect("writing to a String cannot fail");
            }
            self.0.push('}');
        }
        writeln!(self.0, " {}", number(value)).expect("writing to a String cannot fail");
    }

    pub fn finish(self) -> String {
        self.0
    }
}

/// As Java prints a double, but for what is infinite.
fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        value => java_double(value),
    }
}

#[cfg(test)]
mod tests {
    use super::Exposition;

    #[test]
    fn families_and_samples_are_written_as_the_library_does() {
        let mut text = Exposition::default();
        text.family("a", "with \\ and\nlines", "gauge");
        text.sample("a", &[], 12_345_678.0);
        text.sample("a", &[("key", "x\"y\\z"), ("quantile", "0.5")], f64::NAN);
        text.sample("a", &[], f64::INFINITY);
        let expected = "# HELP a with \\\\ and\\nlines\n# TYPE a gauge\na 1.2345678E7\n\
                        a{key=\"x\\\"y\\\\z\",quantile=\"0.5\",} NaN\na +Inf\n";
        assert_eq!(text.finish(), expected);
    }
}
