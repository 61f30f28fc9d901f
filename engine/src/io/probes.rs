//! Static probe points (USDT): places of this program at which `perf` and `bpftrace` can listen, by name and with arguments. Where
//! nobody listens each is one instruction that does nothing, in a function of its own, so that it has one place.
//!
//! A probe is told by a note in the program's file, which the assembler writes (the format is SystemTap's, version 3): the address
//! of the instruction, the names of provider and probe, and in which registers its arguments are, eight bytes each. The notes take
//! no memory of a running server. On machines other than those of Linux on x86-64 and ARM64 there are no probes.
//!
//! Times are in microseconds, zxids and sessions numbers as on the wire.
#![allow(unsafe_code)] // Each block is one instruction that does nothing.
#![allow(named_asm_labels)] // The base of all notes has one name in the whole program, as the format has it.

/// Writes the note of one probe with three arguments, and the instruction.
///
/// The register operands keep their numbers in any register, and the instruction changes none.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
macro_rules! probe {
    ($name:literal, $first:expr, $second:expr, $third:expr) => {
        // SAFETY: the only instruction is a nop; the rest is directives, which put bytes into sections of their own.
        unsafe {
            std::arch::asm!(
                "990: nop",
                ".pushsection .note.stapsdt,\"\",\"note\"",
                ".balign 4",
                ".4byte 992f-991f, 994f-993f, 3",
                "991: .asciz \"stapsdt\"",
                "992: .balign 4",
                "993: .8byte 990b",
                ".8byte _.stapsdt.base",
                ".8byte 0",
                ".asciz \"paddock\"",
                concat!(".asciz \"", $name, "\""),
                ".asciz \"8@{0} 8@{1} 8@{2}\"",
                "994: .balign 4",
                ".popsection",
                ".ifndef _.stapsdt.base",
                ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat",
                ".weak _.stapsdt.base",
                ".hidden _.stapsdt.base",
                "_.stapsdt.base: .space 1",
                ".size _.stapsdt.base, 1",
                ".popsection",
                ".endif",
                in(reg) $first,
                in(reg) $second,
                in(reg) $third,
                options(att_syntax, nostack, preserves_flags, nomem)
            );
        }
    };
}

#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
macro_rules! probe {
    ($name:literal, $first:expr, $second:expr, $third:expr) => {
        // SAFETY: the only instruction is a nop; the rest is directives, which put bytes into sections of their own.
        unsafe {
            std::arch::asm!(
                "990: nop",
                ".pushsection .note.stapsdt,\"\",\"note\"",
                ".balign 4",
                ".4byte 992f-991f, 994f-993f, 3",
                "991: .asciz \"stapsdt\"",
                "992: .balign 4",
                "993: .8byte 990b",
                ".8byte _.stapsdt.base",
                ".8byte 0",
                ".asciz \"paddock\"",
                concat!(".asciz \"", $name, "\""),
                ".asciz \"8@{0:x} 8@{1:x} 8@{2:x}\"",
                "994: .balign 4",
                ".popsection",
                ".ifndef _.stapsdt.base",
                ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat",
                ".weak _.stapsdt.base",
                ".hidden _.stapsdt.base",
                "_.stapsdt.base: .space 1",
                ".size _.stapsdt.base, 1",
                ".popsection",
                ".endif",
                in(reg) $first,
                in(reg) $second,
                in(reg) $third,
                options(nostack, preserves_flags, nomem)
            );
        }
    };
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
macro_rules! probe {
    ($name:literal, $first:expr, $second:expr, $third:expr) => {
        let _ = ($first, $second, $third);
    };
}

/// `paddock:group_submitted(zxid, records, bytes)`: a group of the log goes to the disk; `zxid` is its last transaction.
#[inline(never)]
pub fn group_submitted(zxid: i64, records: u64, bytes: u64) {
    probe!("group_submitted", zxid, records, bytes);
}

/// `paddock:group_synced(zxid, records, micros)`: its completion was seen so long afterwards.
#[inline(never)]
pub fn group_synced(zxid: i64, records: u64, micros: u64) {
    probe!("group_synced", zxid, records, micros);
}

/// `paddock:quorum_reached(zxid, server, transactions)`: a leader has committed so many transactions up to this one, by the
/// acknowledgement of this server, which may be itself.
#[inline(never)]
pub fn quorum_reached(zxid: i64, server: i64, transactions: u64) {
    probe!("quorum_reached", zxid, server, transactions);
}

/// `paddock:version_released(zxid, answers, micros)`: a version goes to the reactors, with so many answers, so long after its
/// writes were taken.
#[inline(never)]
pub fn version_released(zxid: i64, answers: u64, micros: u64) {
    probe!("version_released", zxid, answers, micros);
}

/// `paddock:request_slow(zxid, session, micros)`: a request is answered that took as long as `paddock.slowRequestMillis`.
#[inline(never)]
pub fn request_slow(zxid: i64, session: i64, micros: u64) {
    probe!("request_slow", zxid, session, micros);
}

/// The names of all of them.
pub const NAMES: [&str; 5] = ["group_submitted", "group_synced", "quorum_reached", "version_released", "request_slow"];

#[cfg(all(test, target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use super::*;

    #[test]
    fn the_program_has_a_note_for_each() {
        group_submitted(1, 2, 3);
        group_synced(1, 2, 3);
        quorum_reached(1, -1, 3);
        version_released(1, 2, 3);
        request_slow(1, 2, 3);
        let program = std::fs::read(std::env::current_exe().expect("it runs")).expect("it can be read");
        // A note has these one behind the other: the provider, the name, and where the three arguments are.
        let mut noted = Vec::new();
        let mut before: [&[u8]; 2] = [b"", b""];
        for word in program.split(|byte| *byte == 0) {
            if before[0] == b"paddock" && word.starts_with(b"8@") {
                let arguments = word.split(|byte| *byte == b' ').filter(|argument| argument.starts_with(b"8@")).count();
                assert_eq!(arguments, 3, "{}", String::from_utf8_lossy(word));
                noted.push(String::from_utf8_lossy(before[1]).into_owned());
            }
            before = [before[1], word];
        }
        let mut expected = NAMES;
        noted.sort_unstable();
        expected.sort_unstable();
        assert_eq!(noted, expected, "each has one place");
    }
}
