//! A Debian that has nothing but what every Debian has, in which the package is tried (`tests/tests/packaging/bare_root.rs`).

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::deb::clear;
use crate::step::{Failure, run, section};
use crate::target_dir;

/// What the package depends on, and a Debian without a systemd lacks.
const INCLUDED: &str = "systemd-standalone-sysusers,systemd-standalone-tmpfiles";

/// Where its programs for root are, which an ordinary PATH may lack.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Makes it, if it is not there: of the release of this machine, since the package needs its glibc, from where this machine has
/// its packages. Returns where it is.
pub fn build() -> Result<PathBuf, Failure> {
    section("bare Debian");
    let dir = target_dir().join("deb/debian");
    if dir.exists() {
        println!("it is there: {}", dir.display());
        return Ok(dir);
    }
    let release = release()?;
    // Only a whole one has the name.
    let part = target_dir().join("deb/debian.part");
    clear(&part)?;
    // In a place of its own for mounts: none is left behind, also where it fails.
    let mut bootstrap = Command::new("unshare");
    bootstrap.args(["--mount", "/usr/sbin/debootstrap", "--variant=minbase", &format!("--include={INCLUDED}")]);
    bootstrap.arg(&release).arg(&part);
    run(bootstrap.args(source(&release)).env("PATH", PATH))?;
    fs::rename(&part, &dir).map_err(|error| Failure(format!("{} cannot be renamed: {error}", part.display())))?;
    println!("{}", dir.display());
    Ok(dir)
}

/// The name of this machine's release.
fn release() -> Result<String, Failure> {
    const FILE: &str = "/etc/os-release";
    let text = fs::read_to_string(FILE).map_err(|error| Failure(format!("{FILE}: {error}")))?;
    let name = codename(&text);
    name.ok_or_else(|| Failure(format!("{FILE} names no VERSION_CODENAME: this is no release of Debian")))
}

fn codename(os_release: &str) -> Option<String> {
    let value = os_release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    Some(value.trim_matches('"').to_owned()).filter(|name| !name.is_empty())
}

/// Where apt has this release from; where it does not say, debootstrap knows a place itself.
fn source(release: &str) -> Option<String> {
    let mut apt = Command::new("apt-get");
    let asked =
        apt.args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", &format!("Release: {release}")]);
    let said = asked.output().ok().filter(|output| output.status.success())?;
    String::from_utf8_lossy(&said.stdout).lines().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::codename;

    #[test]
    fn a_release_has_a_name() {
        assert_eq!(codename("ID=debian\nVERSION_CODENAME=bookworm\n").as_deref(), Some("bookworm"));
        assert_eq!(codename("VERSION_CODENAME=\"noble\"\n").as_deref(), Some("noble"));
        assert_eq!(codename("ID=debian\nVERSION_CODENAME=\n"), None);
    }
}
