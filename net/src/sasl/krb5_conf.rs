//! What is needed here of krb5.conf, which the Kerberos library reads itself: the default realm.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where the file is if nobody says otherwise.
const DEFAULT: &str = "/etc/krb5.conf";
/// Of a longer file only so much is read, bytes.
const FILE_MAX: u64 = 1 << 20;
/// No more files than these are read: one may include others.
const FILES_MAX: usize = 64;

/// The file that counts: the one that `java.security.krb5.conf` names, or else the one that `KRB5_CONFIG` does.
pub fn path(named: Option<&str>, variable: Option<&str>) -> PathBuf {
    let first = variable.and_then(|list| list.split(':').find(|path| !path.is_empty()));
    PathBuf::from(named.or(first).unwrap_or(DEFAULT))
}

/// The default realm by this file and those that it includes; `None` if there is none, or no file.
pub fn default_realm(path: &Path) -> Option<String> {
    let (mut paths, mut files) = (vec![path.to_path_buf()], 0);
    while let Some(path) = paths.pop()
        && files < FILES_MAX
    {
        files += 1;
        let text = read(&path).unwrap_or_default();
        if let Some(realm) = realm_in(&text) {
            return Some(realm);
        }
        // The first that is included is looked at next.
        paths.extend(included(&text).into_iter().rev());
        paths.truncate(FILES_MAX);
    }
    None
}

fn read(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(FILE_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// `default_realm` of the section `libdefaults`.
fn realm_in(text: &str) -> Option<String> {
    let mut is_in_defaults = false;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            is_in_defaults = section.trim() == "libdefaults";
        } else if is_in_defaults
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == "default_realm"
        {
            let value = value.split(['#', ';']).next().unwrap_or_default().trim().trim_matches('"');
            return Some(value.to_owned()).filter(|realm| !realm.is_empty());
        }
    }
    None
}

/// The files that are named by `include`, and those of directories named by `includedir` whose names the library takes.
fn included(text: &str) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for line in text.lines() {
        match line.trim().split_once([' ', '\t']) {
            Some(("include", file)) => paths.push(PathBuf::from(file.trim())),
            Some(("includedir", directory)) => paths.extend(files_of(Path::new(directory.trim()))),
            _ => {}
        }
        if paths.len() >= FILES_MAX {
            break;
        }
    }
    paths
}

fn files_of(directory: &Path) -> Vec<PathBuf> {
    let names = std::fs::read_dir(directory).into_iter().flatten().flatten().take(FILES_MAX).map(|entry| entry.path());
    let mut paths: Vec<PathBuf> =
        names.filter(|path| path.file_name().is_some_and(|name| is_taken(&name.to_string_lossy()))).collect();
    paths.sort();
    paths
}

/// Letters, digits, dashes and underscores, or anything that ends in `.conf`.
fn is_taken(name: &str) -> bool {
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    !name.starts_with('.') && (is_plain || name.ends_with(".conf"))
}

#[cfg(test)]
mod tests {
    use super::{default_realm, path, realm_in};
    use std::path::Path;

    #[test]
    fn the_default_realm_is_in_libdefaults() {
        assert_eq!(realm_in("[libdefaults]\n default_realm = A.ORG\n"), Some("A.ORG".to_owned()));
        assert_eq!(
            realm_in("[realms]\ndefault_realm=B\n[libdefaults]\n# default_realm = C\n\tdefault_realm=\"D\" # x"),
            Some("D".into())
        );
        assert_eq!(realm_in("default_realm = E"), None);
        assert_eq!(realm_in("[libdefaults]\ndefault_realm =\n"), None);
    }

    #[test]
    fn files_may_include_others() {
        let directory = std::env::temp_dir().join(format!("paddock-krb5-{}", std::process::id()));
        std::fs::create_dir_all(directory.join("d")).unwrap();
        let main = directory.join("krb5.conf");
        std::fs::write(&main, format!("includedir {}\ninclude {}\n", directory.join("d").display(), main.display()))
            .unwrap();
        assert_eq!(default_realm(&main), None, "a file that includes itself is read so often and no more");
        std::fs::write(directory.join("d/no.bak"), "[libdefaults]\ndefault_realm = NO\n").unwrap();
        std::fs::write(directory.join("d/realm"), "[libdefaults]\ndefault_realm = YES\n").unwrap();
        assert_eq!(default_realm(&main), Some("YES".to_owned()));
        assert_eq!(default_realm(&directory.join("none")), None);
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn what_is_named_counts_more_than_the_variable() {
        assert_eq!(path(Some("/a"), Some("/b:/c")), Path::new("/a"));
        assert_eq!(path(None, Some("/b:/c")), Path::new("/b"));
        assert_eq!(path(None, None), Path::new("/etc/krb5.conf"));
    }
}
