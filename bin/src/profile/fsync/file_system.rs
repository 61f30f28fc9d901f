//! Kinds of file systems, by the number with which each says what it is, and what is to be known of them.

/// What keeps the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Medium {
    Device,
    /// Nothing of it survives the end of the machine.
    Memory,
    /// Another machine, or a program, which answers for what is durable.
    Elsewhere,
}

/// One kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileSystem {
    pub name: &'static str,
    pub medium: Medium,
    /// What a person should know who keeps a log there: a sentence, or several.
    pub remark: &'static str,
}

const NETWORK: &str = "It is another machine's: each durable write waits for the network and for what that machine calls \
                       durable, and the server stops whenever it does not answer. Have the dataLogDir on a disk of this machine.";
const COPIES: &str = "It writes most blocks to a new place, so that zeroed space saves little, and a full disk may end the \
                      server instead of having its writes wait.";

/// Each with its number.
const KNOWN: [(u32, FileSystem); 24] = [
    (
        0xef53,
        device(
            "ext4",
            "A write into zeroed space does not wait for its journal. Keep barriers on, as they are unless a mount option says \
             otherwise.",
        ),
    ),
    (0x5846_5342, device("xfs", "A write into zeroed space does not wait for its journal.")),
    (
        0x9123_683e,
        device(
            "btrfs",
            "It writes each block to a new place, so that zeroed space saves nothing, and a full disk ends the server instead \
             of having its writes wait. ext4 or xfs are faster; or have an empty directory write in place before the server \
             makes its first file there (chattr +C DIR).",
        ),
    ),
    (
        0x2fc1_2fc1,
        device(
            "zfs",
            "It writes each block to a new place, so that zeroed space saves nothing, and a full disk ends the server instead \
             of having its writes wait. A log device (SLOG) of its own makes syncs faster; sync=disabled would lose what was \
             acknowledged.",
        ),
    ),
    (0xca45_1a4e, device("bcachefs", COPIES)),
    (0xf2f5_2010, device("f2fs", COPIES)),
    (0x5265_4973, device("reiserfs", "The kernel no longer has it. Use ext4 or xfs.")),
    (0x3153_464a, device("jfs", "It is hardly looked after any more. Use ext4 or xfs.")),
    (0x0000_4d44, device("vfat", "It has no journal: a power cut may damage all of it. Use ext4 or xfs.")),
    (0x2011_bab0, device("exfat", "It has no journal: a power cut may damage all of it. Use ext4 or xfs.")),
    (
        0x0000_f15f,
        device("ecryptfs", "It encrypts by way of the system's cache. Encrypt the device below instead (LUKS)."),
    ),
    (0x0102_1994, memory("tmpfs")),
    (0x8584_58f6, memory("ramfs")),
    (
        0x794c_7630,
        device(
            "overlayfs",
            "It is the layer of a container, and goes with that. Give the server a volume: a directory of the host or a disk \
             of its own.",
        ),
    ),
    (0x0000_6969, elsewhere("nfs", NETWORK)),
    (0xff53_4d42, elsewhere("cifs", NETWORK)),
    (0xfe53_4d42, elsewhere("smb", NETWORK)),
    (0x00c3_6400, elsewhere("ceph", NETWORK)),
    (0x0bd0_0bd0, elsewhere("lustre", NETWORK)),
    (0x5346_414f, elsewhere("afs", NETWORK)),
    (0x0116_1970, elsewhere("gfs2", NETWORK)),
    (0x7461_636f, elsewhere("ocfs2", NETWORK)),
    (
        0x0102_1997,
        elsewhere("9p", "It is a directory of the host of this virtual machine. Give the server a disk of its own."),
    ),
    (
        0x6573_5546,
        elsewhere(
            "fuse",
            "A program or another machine is behind it (sshfs, GlusterFS, virtiofs and others), and answers for what is durable. \
             Have the dataLogDir on a disk of this machine.",
        ),
    ),
];

const fn device(name: &'static str, remark: &'static str) -> FileSystem {
    FileSystem { name, medium: Medium::Device, remark }
}

const fn elsewhere(name: &'static str, remark: &'static str) -> FileSystem {
    FileSystem { name, medium: Medium::Elsewhere, remark }
}

const fn memory(name: &'static str) -> FileSystem {
    let remark = "It is memory: nothing there survives the end of the machine, and no figure here tells of a disk. Choose a \
                  directory on a disk.";
    FileSystem { name, medium: Medium::Memory, remark }
}

impl FileSystem {
    /// By the number that statfs tells.
    pub fn of(magic: u32) -> Option<FileSystem> {
        KNOWN.iter().find(|(known, _)| *known == magic).map(|(_, system)| *system)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{FileSystem, KNOWN, Medium};

    #[test]
    fn kinds_are_told_by_their_numbers() {
        let name = |magic| FileSystem::of(magic).map(|system| system.name);
        assert_eq!((name(0xef53), name(0x9123_683e), name(0x6969)), (Some("ext4"), Some("btrfs"), Some("nfs")));
        assert_eq!(FileSystem::of(0x0102_1994).map(|system| system.medium), Some(Medium::Memory));
        assert_eq!(name(0x9fa0), None, "nobody keeps a log in /proc");
    }

    #[test]
    fn each_has_one_number_one_name_and_sentences() {
        let numbers: BTreeSet<u32> = KNOWN.iter().map(|(magic, _)| *magic).collect();
        let names: BTreeSet<&str> = KNOWN.iter().map(|(_, system)| system.name).collect();
        assert_eq!((numbers.len(), names.len()), (KNOWN.len(), KNOWN.len()));
        assert!(KNOWN.iter().all(|(_, system)| system.remark.ends_with('.')));
    }
}
