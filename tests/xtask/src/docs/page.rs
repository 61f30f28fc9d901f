//! A page of Markdown, as far as it is tried: its fenced blocks, its headings and its links.

/// What stands between two fences.
#[derive(Debug, PartialEq)]
pub struct Block {
    /// Of the opening fence, from 1.
    pub line: usize,
    /// What stands behind that fence.
    pub language: String,
    /// Without the fence's indentation; each line ends with a line feed.
    pub text: String,
    /// The heading that it stands below, as a link names it; empty before the first one.
    pub below: String,
}

#[derive(Debug, Default, PartialEq)]
pub struct Page {
    pub blocks: Vec<Block>,
    /// The headings, as links name them.
    pub anchors: Vec<String>,
    /// The line of each link, from 1, and where it leads.
    pub links: Vec<(usize, String)>,
}

impl Page {
    /// # Errors
    /// The line of a fence that nothing closes.
    pub fn parse(text: &str) -> Result<Page, usize> {
        let mut page = Page::default();
        let mut open: Option<(String, Block)> = None;
        for (line, number) in text.lines().zip(1..) {
            let bare = line.trim_start();
            let fence = bare.strip_prefix("```");
            match (open.take(), fence) {
                (None, None) => page.read_prose(line, number),
                (None, Some(language)) => {
                    let below = page.anchors.last().cloned().unwrap_or_default();
                    let language = language.trim().to_owned();
                    let indentation = line[..line.len() - bare.len()].to_owned();
                    open = Some((indentation, Block { line: number, language, text: String::new(), below }));
                }
                (Some((_, block)), Some("")) => page.blocks.push(block),
                (Some((indentation, mut block)), _) => {
                    block.text.push_str(line.strip_prefix(&*indentation).unwrap_or(bare));
                    block.text.push('\n');
                    open = Some((indentation, block));
                }
            }
        }
        match open {
            Some((_, block)) => Err(block.line),
            None => Ok(page),
        }
    }

    fn read_prose(&mut self, line: &str, number: usize) {
        if line.starts_with('#') {
            self.anchors.push(anchor(line.trim_start_matches('#').trim()));
        }
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        self.links.extend(targets.map(|(target, _)| (number, target.to_owned())));
        // What mdBook puts in from elsewhere: `{{#include FILE:PART}}`.
        let included = line.strip_prefix("{{#include ").and_then(|rest| rest.split([':', '}']).next());
        self.links.extend(included.map(|file| (number, file.to_owned())));
    }
}

/// What links call a heading: its letters and digits, with dashes for blanks.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::{Block, Page};

    #[test]
    fn blocks_headings_and_links() {
        let text = "# The `one`, two\nsee [a](b.md#c) and [d](e)\n1. x\n\n   ```sh\n   # no heading\n     [no](link)\n   ```\n";
        let block = Block {
            line: 5,
            language: "sh".to_owned(),
            text: "# no heading\n  [no](link)\n".to_owned(),
            below: "the-one-two".to_owned(),
        };
        let page = Page::parse(text).expect("all fences are closed");
        assert_eq!(page.blocks, [block]);
        assert_eq!(page.anchors, ["the-one-two"]);
        assert_eq!(page.links, [(2, "b.md#c".to_owned()), (2, "e".to_owned())]);
        assert_eq!(Page::parse("a\n```sh\nb\n"), Err(2));
    }
}
