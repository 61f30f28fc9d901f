//! What all pictures are made of.
//!
//! They are written as text: an SVG of lines, circles and words needs no library. It has no outside resource, and colours for
//! light and dark surroundings.

use std::fmt::Write;

pub const WIDTH: f64 = 960.0;

const STYLE: &str = "\
:root { --paper: #ffffff; --ink: #1f2328; --faint: #59636e; --line: #d1d9e0; \
--better: #0a7d4f; --worse: #c2410c; --equal: #6e7781; --a: #0969da; --b: #bc4c00 }\n\
@media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --ink: #e6edf3; --faint: #9198a1; --line: #30363d; \
--better: #3fb950; --worse: #f0883e; --equal: #8b949e; --a: #58a6ff; --b: #f0883e } }\n\
text { font: 13px system-ui, sans-serif; fill: var(--ink) }\n\
.title { font-size: 18px; font-weight: 600 } .head { font-weight: 600 } .faint { fill: var(--faint) }\n\
.grid { stroke: var(--line) } .paper { fill: var(--paper) }\n";

/// The beginning of a picture, with its title and what it adds to the style. It is ended by `</svg>`.
pub fn begin(title: &str, height: f64, style: &str) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>{}</title>\n<style>{STYLE}{style}</style>\n\
         <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n",
        escaped(title)
    );
    text(&mut out, (20.0, 30.0), "title", "start", title);
    out
}

pub fn text(out: &mut String, (x, y): (f64, f64), class: &str, anchor: &str, words: &str) {
    let words = escaped(words);
    writeln!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>")
        .expect("writing to a string cannot fail");
}

/// One element, as a line of its own.
pub fn put(out: &mut String, element: &str) {
    writeln!(out, "{element}").expect("writing to a string cannot fail");
}

/// Text as it stands in XML. What a terminal or a parser would trip over is left out.
pub fn escaped(words: &str) -> String {
    let mut out = String::new();
    for character in words.chars().filter(|character| !character.is_control()) {
        match character {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn words_cannot_become_marks() {
        assert_eq!(escaped("a<b>&\"c'\u{1b}\n"), "a&lt;b&gt;&amp;&quot;c&#39;");
    }
}
