//! Where the links of the pages lead.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::page::Page;
use crate::root;

/// Sentences about links that lead nowhere, and about pages of the book that its table of contents lacks.
pub fn mistakes(pages: &BTreeMap<String, Page>, summary: &str) -> Vec<String> {
    let mut mistakes = Vec::new();
    for (name, page) in pages {
        let bad = page.links.iter().filter(|(_, target)| !leads_somewhere(name, page, target));
        mistakes.extend(bad.map(|(line, target)| format!("{name}:{line}: the link {target} leads nowhere")));
    }
    let directory = Path::new(summary).parent().unwrap_or(Path::new(""));
    let contents = pages.get(summary).map_or(&[][..], |page| &page.links[..]);
    let listed: Vec<_> = contents.iter().map(|(_, target)| directory.join(target)).collect();
    let of_book = pages.keys().filter(|name| *name != summary && Path::new(name).starts_with(directory));
    let missing = of_book.filter(|name| !listed.iter().any(|page| page == Path::new(name)));
    mistakes.extend(missing.map(|name| format!("{summary} does not list {name}")));
    mistakes
}

/// Whether a link of a page leads to a file of the repository, and to a heading of that. Those to elsewhere are not followed.
fn leads_somewhere(name: &str, page: &Page, target: &str) -> bool {
    if target.starts_with("http://") || target.starts_with("https://") {
        return true;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let has = |page: &Page| anchor.is_empty() || page.anchors.iter().any(|heading| heading == anchor);
    if file.is_empty() {
        return has(page);
    }
    let directory = Path::new(name).parent().unwrap_or(Path::new(""));
    let path = root().join(directory).join(file);
    if anchor.is_empty() {
        return path.exists();
    }
    fs::read_to_string(&path).is_ok_and(|text| Page::parse(&text).is_ok_and(|page| has(&page)))
}
