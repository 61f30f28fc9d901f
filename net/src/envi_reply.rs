//! The reply to the four-letter word `envi`.

/// What only a JVM has, or what cannot be found out: as ZooKeeper says it.
pub const UNKNOWN: &str = "<NA>";

/// What `envi` tells of the process and its machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnviReply {
    pub version: String,
    pub host_name: String,
    pub os_arch: String,
    pub os_version: String,
    pub user_name: String,
    pub user_home: String,
    pub user_dir: String,
}

impl EnviReply {
    /// The lines, in ZooKeeper's order.
    pub fn render(&self) -> String {
        let mut text = format!("Environment:\nzookeeper.version={}\nhost.name={}\n", self.version, self.host_name);
        for key in ["version", "vendor", "home", "class.path", "library.path", "io.tmpdir", "compiler"] {
            text.push_str(&format!("java.{key}={UNKNOWN}\n"));
        }
        text.push_str(&format!(
            "os.name=Linux\nos.arch={}\nos.version={}\nuser.name={}\nuser.home={}\nuser.dir={}\n",
            self.os_arch, self.os_version, self.user_name, self.user_home, self.user_dir
        ));
        // Of the heap of a JVM, in spite of their names.
        for key in ["free", "max", "total"] {
            text.push_str(&format!("os.memory.{key}={UNKNOWN}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::EnviReply;

    #[test]
    fn lines_and_their_order() {
        let [version, host_name, os_arch, os_version, user_name, user_home, user_dir] =
            ["3.9", "host", "x86_64", "6.1", "me", "/home/me", "/"].map(str::to_owned);
        let text = EnviReply { version, host_name, os_arch, os_version, user_name, user_home, user_dir }.render();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(&lines[..4], ["Environment:", "zookeeper.version=3.9", "host.name=host", "java.version=<NA>"]);
        let of_os = ["os.name=Linux", "os.arch=x86_64", "os.version=6.1", "user.name=me", "user.home=/home/me"];
        assert_eq!(&lines[10..15], of_os);
        assert_eq!(&lines[15..], ["user.dir=/", "os.memory.free=<NA>", "os.memory.max=<NA>", "os.memory.total=<NA>"]);
    }
}
