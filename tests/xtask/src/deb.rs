//! A Debian package of the release build. `dpkg-deb` packs a tree of files that lies here in full view; a helper that makes the tree
//! would bring hundreds of packages, or its own version of each maintainer script, for a table of twenty lines.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::step::{Failure, run, said, section};
use crate::{cargo, root, target_dir};

/// Below `bin/packaging`, where it is installed, and its mode.
const FILES: [(&str, &str, u32); 18] = [
    ("scripts/zkEnv.sh", "usr/libexec/zkEnv.sh", 0o644),
    ("scripts/zkServer.sh", "usr/bin/zkServer.sh", 0o755),
    ("scripts/zkServer-initialize.sh", "usr/bin/zkServer-initialize.sh", 0o755),
    ("scripts/zkCli.sh", "usr/bin/zkCli.sh", 0o755),
    ("scripts/zkCleanup.sh", "usr/bin/zkCleanup.sh", 0o755),
    ("scripts/zkTxnLogToolkit.sh", "usr/bin/zkTxnLogToolkit.sh", 0o755),
    ("scripts/zkSnapShotToolkit.sh", "usr/bin/zkSnapShotToolkit.sh", 0o755),
    ("scripts/zkSnapshotRecursiveSummaryToolkit.sh", "usr/bin/zkSnapshotRecursiveSummaryToolkit.sh", 0o755),
    ("scripts/zkSnapshotComparer.sh", "usr/bin/zkSnapshotComparer.sh", 0o755),
    ("debian/paddock.service", "usr/lib/systemd/system/paddock.service", 0o644),
    ("debian/sysusers.conf", "usr/lib/sysusers.d/paddock.conf", 0o644),
    ("debian/tmpfiles.conf", "usr/lib/tmpfiles.d/paddock.conf", 0o644),
    ("debian/zoo.cfg", "etc/paddock/zoo.cfg", 0o644),
    ("debian/zookeeper-env.sh", "etc/paddock/zookeeper-env.sh", 0o644),
    ("debian/default", "etc/default/paddock", 0o644),
    ("debian/logrotate", "etc/logrotate.d/paddock", 0o644),
    ("debian/copyright", "usr/share/doc/paddock/copyright", 0o644),
    ("debian/lintian-overrides", "usr/share/lintian/overrides/paddock", 0o644),
];
/// What dpkg runs.
const MAINTAINER_SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];
/// The page that tells of all scripts, and the directory of such pages.
const SCRIPTS_PAGE: &str = "zkServer.sh.1";
const PAGES: &str = "usr/share/man/man1";
/// What the example has written, and where it is installed.
const COMPLETIONS: [(&str, &str); 3] = [
    ("paddock.bash", "usr/share/bash-completion/completions/paddock"),
    ("_paddock", "usr/share/zsh/vendor-completions/_paddock"),
    ("paddock.fish", "usr/share/fish/vendor_completions.d/paddock.fish"),
];
/// Who answers for the package, unless DEBFULLNAME and DEBEMAIL say so.
const MAINTAINER: (&str, &str) = ("Paddock", "maintainer@paddock.invalid");
const DOC: &str = "usr/share/doc/paddock";

/// Builds for release and packs. Returns the package.
pub fn build() -> Result<PathBuf, Failure> {
    section("Debian package");
    run(cargo().args(["build", "--release", "--package", "paddock"]))?;
    let package = Package::new()?;
    package.stage()?;
    let file = package.pack()?;
    judge(&file)?;
    println!("{}", file.display());
    Ok(file)
}

/// What is packed.
struct Package {
    /// Of everything that is made on the way.
    dir: PathBuf,
    /// The files as they are installed.
    tree: PathBuf,
    architecture: String,
    maintainer: String,
    /// Seconds since 1970 of the sources, so that the same ones make the same package.
    date: String,
}

impl Package {
    fn new() -> Result<Package, Failure> {
        let dir = target_dir().join("deb");
        let tree = dir.join("tree");
        clear(&tree)?;
        let variable = |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
        let (name, address) = (variable("DEBFULLNAME", MAINTAINER.0), variable("DEBEMAIL", MAINTAINER.1));
        let of_commit = || said(Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(root()));
        let date = std::env::var("SOURCE_DATE_EPOCH").or_else(|_| of_commit()).unwrap_or_else(|_| "0".to_owned());
        let architecture = said(Command::new("dpkg").arg("--print-architecture"))?;
        Ok(Package { dir, tree, architecture, maintainer: format!("{name} <{address}>"), date })
    }

    /// Makes the tree, with what dpkg reads of it.
    fn stage(&self) -> Result<(), Failure> {
        for (from, to, mode) in FILES {
            self.put(&packaging(from), to, mode)?;
        }
        self.put_program()?;
        self.put(&root().join("README.md"), &format!("{DOC}/README.md"), 0o644)?;
        self.put_all(&root().join("docs/src"), &format!("{DOC}/docs/src"))?;
        self.write(&format!("{DOC}/changelog"), &self.changelog()?)?;
        self.compress(&format!("{DOC}/changelog"))?;
        self.put_manual()?;
        for script in MAINTAINER_SCRIPTS {
            self.put(&packaging(&format!("debian/{script}")), &format!("DEBIAN/{script}"), 0o755)?;
        }
        let of_operators = FILES.iter().map(|(_, to, _)| *to).filter(|to| to.starts_with("etc/"));
        let conffiles: String = of_operators.map(|to| format!("/{to}\n")).collect();
        self.write("DEBIAN/conffiles", &conffiles)?;
        self.write("DEBIAN/md5sums", &self.sums()?)?;
        self.write("DEBIAN/control", &self.control()?)?;
        open_directories(&self.tree)
    }

    fn put_program(&self) -> Result<(), Failure> {
        let to = self.tree.join("usr/bin/paddock");
        run(Command::new("strip").arg("-o").arg(&to).arg(target_dir().join("release/paddock")))?;
        mode(&to, 0o755)
    }

    /// Pages and completions, as the command line says.
    fn put_manual(&self) -> Result<(), Failure> {
        let made = self.dir.join("manual");
        clear(&made)?;
        run(cargo().args(["run", "--quiet", "--package", "paddock", "--example", "manual", "--"]).arg(&made))?;
        for page in files(&made.join("man"))? {
            self.put_page(&page)?;
        }
        self.put_page(&packaging(&format!("debian/{SCRIPTS_PAGE}")))?;
        for script in FILES.iter().filter_map(|(_, to, _)| to.strip_prefix("usr/bin/")) {
            let page = self.tree.join(PAGES).join(format!("{script}.1.gz"));
            if !page.exists() {
                symlink(format!("{SCRIPTS_PAGE}.gz"), &page).map_err(changed(&page))?;
            }
        }
        for (from, to) in COMPLETIONS {
            self.put(&made.join("completions").join(from), to, 0o644)?;
        }
        Ok(())
    }

    fn put_page(&self, page: &Path) -> Result<(), Failure> {
        let name = page.file_name().unwrap_or_default().display();
        let to = format!("{PAGES}/{name}");
        self.put(page, &to, 0o644)?;
        self.compress(&to)
    }

    fn put(&self, from: &Path, to: &str, as_mode: u32) -> Result<(), Failure> {
        let to = self.place(to)?;
        fs::copy(from, &to).map_err(|error| Failure(format!("{} cannot be copied: {error}", from.display())))?;
        mode(&to, as_mode)
    }

    /// The files below a directory.
    fn put_all(&self, from: &Path, to: &str) -> Result<(), Failure> {
        for path in files(from)? {
            let to = format!("{to}/{}", path.file_name().unwrap_or_default().display());
            if path.is_dir() { self.put_all(&path, &to)? } else { self.put(&path, &to, 0o644)? }
        }
        Ok(())
    }

    fn write(&self, to: &str, text: &str) -> Result<(), Failure> {
        let to = self.place(to)?;
        fs::write(&to, text).map_err(changed(&to))?;
        mode(&to, 0o644)
    }

    /// A path of the tree, in a directory that is there.
    fn place(&self, to: &str) -> Result<PathBuf, Failure> {
        let path = self.tree.join(to);
        let parent = path.parent().expect("it lies in the tree");
        fs::create_dir_all(parent).map_err(changed(parent))?;
        Ok(path)
    }

    /// Without name and time, which would differ each time.
    fn compress(&self, path: &str) -> Result<(), Failure> {
        run(Command::new("gzip").args(["-9n", "-f"]).arg(self.tree.join(path)))
    }

    fn changelog(&self) -> Result<String, Failure> {
        let date = said(Command::new("date").args(["-u", "-R", "-d"]).arg(format!("@{}", self.date)))?;
        let (version, maintainer) = (version(), &self.maintainer);
        Ok(format!(
            "paddock ({version}) unstable; urgency=medium\n\n  * Release {version}.\n\n -- {maintainer}  {date}\n"
        ))
    }

    /// Of all files that are installed, by their paths.
    fn sums(&self) -> Result<String, Failure> {
        let mut sums = Command::new("sh");
        sums.args([
            "-c",
            "find . -path ./DEBIAN -prune -o -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 md5sum",
        ]);
        said(sums.current_dir(&self.tree)).map(|sums| sums + "\n")
    }

    fn control(&self) -> Result<String, Failure> {
        let file = packaging("debian/control");
        let text = fs::read_to_string(&file).map_err(|error| Failure(format!("{}: {error}", file.display())))?;
        let size = said(Command::new("du").args(["-sk", "--apparent-size", "--exclude=DEBIAN"]).arg(&self.tree))?;
        let kibibytes = size.split_whitespace().next().unwrap_or_default();
        let program = self.tree.join("usr/bin/paddock");
        let bytes = fs::read(&program).map_err(|error| Failure(format!("{}: {error}", program.display())))?;
        let glibc = glibc_of(&bytes).ok_or_else(|| Failure("the program names no version of glibc".to_owned()))?;
        let values: [(&str, String); 5] = [
            ("@VERSION@", version().to_owned()),
            ("@ARCHITECTURE@", self.architecture.clone()),
            ("@MAINTAINER@", self.maintainer.clone()),
            ("@KIBIBYTES@", kibibytes.to_owned()),
            ("@GLIBC@", format!("2.{glibc}")),
        ];
        Ok(values.iter().fold(text, |text, (name, value)| text.replace(name, value)))
    }

    fn pack(&self) -> Result<PathBuf, Failure> {
        let file = self.dir.join(format!("paddock_{}_{}.deb", version(), self.architecture));
        let mut pack = Command::new("dpkg-deb");
        pack.args(["--root-owner-group", "-Zxz", "--build"]).arg(&self.tree).arg(&file);
        run(pack.env("SOURCE_DATE_EPOCH", &self.date).stdout(Stdio::null()))?;
        Ok(file)
    }
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// A file of `bin/packaging`.
pub fn packaging(name: &str) -> PathBuf {
    root().join("bin/packaging").join(name)
}

/// Debian's own judge, where it is installed.
fn judge(file: &Path) -> Result<(), Failure> {
    let mut lintian = Command::new("lintian");
    match lintian.arg("--version").stdout(Stdio::null()).status() {
        Ok(status) if status.success() => run(Command::new("lintian").args(["--fail-on", "error"]).arg(file)),
        _ => {
            println!("lintian is not installed, and was not asked");
            Ok(())
        }
    }
}

/// The largest N of a symbol's version GLIBC_2.N that a program names: which glibc it needs.
fn glibc_of(program: &[u8]) -> Option<u32> {
    const NAME: &[u8] = b"GLIBC_2.";
    let places = program.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME);
    let number = |(at, _): (usize, &[u8])| {
        let digits = program[at + NAME.len()..].iter().take_while(|byte| byte.is_ascii_digit());
        String::from_utf8(digits.copied().collect()).ok()?.parse().ok()
    };
    places.filter_map(number).max()
}

/// Whatever the umask, everybody may look into what is installed.
fn open_directories(dir: &Path) -> Result<(), Failure> {
    mode(dir, 0o755)?;
    for path in files(dir)? {
        if path.is_dir() && !path.is_symlink() {
            open_directories(&path)?;
        }
    }
    Ok(())
}

/// What was made before may have more in it than what is made now.
pub fn clear(dir: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(changed(dir)(error)),
        _ => Ok(()),
    }
}

fn mode(path: &Path, mode: u32) -> Result<(), Failure> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(changed(path))
}

fn files(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error| Failure(format!("cannot read {}: {error}", directory.display()));
    let entries = fs::read_dir(directory).map_err(unreadable)?;
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path()).map_err(unreadable)).collect::<Result<_, _>>()?;
    files.sort();
    Ok(files)
}

fn changed(path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    let path = path.display().to_string();
    move |error| Failure(format!("{path} cannot be changed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::glibc_of;

    #[test]
    fn the_newest_version_that_is_named_counts() {
        assert_eq!(glibc_of(b"\0GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.2.5\0GLIBC_2."), Some(34));
        assert_eq!(glibc_of(b"\0GLIBC_3.1\0"), None);
    }
}
