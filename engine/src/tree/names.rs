//! Names of children as they go on the wire, one behind the other.

/// Bytes of the names in a page, at most; with its header, 2 KiB.
pub(super) const PAGE_BYTES: usize = 2032;

/// Bytes of the length before a name.
pub(super) const LENGTH: usize = 4;

/// Names that may go into pages: whole jute strings, one behind the other.
#[derive(Clone, Copy)]
pub(super) struct Names<'a>(&'a [u8]);

impl<'a> Names<'a> {
    pub const NONE: Names<'static> = Names(&[]);

    /// Checks them and calls `visit` with each. `None` if the last is cut short, or one is empty, has a slash, or is
    /// not UTF-8.
    pub fn parse(wire: &'a [u8], mut visit: impl FnMut(&str)) -> Option<Names<'a>> {
        let mut rest = wire;
        while !rest.is_empty() {
            let (length, behind) = rest.split_first_chunk::<LENGTH>()?;
            let (name, behind) = behind.split_at_checked(usize::try_from(i32::from_be_bytes(*length)).ok()?)?;
            let name = std::str::from_utf8(name).ok()?;
            if name.is_empty() || name.contains('/') {
                return None;
            }
            visit(name);
            rest = behind;
        }
        Some(Names(wire))
    }

    /// Those of a page, or others that are known to be what [`Names::parse`] asks for.
    pub fn known(wire: &'a [u8]) -> Names<'a> {
        Names(wire)
    }

    pub fn wire(self) -> &'a [u8] {
        self.0
    }
}

/// Cuts a page into names, each with its length before it.
pub(super) struct WireNames<'a>(pub &'a [u8]);

impl<'a> Iterator for WireNames<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let length = i32::from_be_bytes(*self.0.first_chunk()?);
        let (name, rest) = self.0.split_at(LENGTH + length as usize);
        self.0 = rest;
        Some(name)
    }
}
