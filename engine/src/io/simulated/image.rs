//! All that is on a simulated disk, as a value.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path};

use super::choice::Choice;
use super::content::Content;
use super::names::{Names, Node};

/// The directory above all others.
pub const ROOT: Node = 0;

/// A file.
#[derive(Clone, Default, Hash, Debug)]
pub struct Stored {
    pub content: Content,
    /// Larger for what was changed later.
    pub changed: u64,
}

#[derive(Clone, Hash, Debug)]
enum Thing {
    Directory(Names),
    File(Stored),
}

/// See the module.
#[derive(Clone, Hash, Debug)]
pub struct Image {
    things: BTreeMap<Node, Thing>,
    next: Node,
}

fn error(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

impl Image {
    pub fn new() -> Image {
        Image { things: BTreeMap::from([(ROOT, Thing::Directory(Names::default()))]), next: ROOT + 1 }
    }

    /// The directory that a path lies in, and its name there.
    fn parent<'p>(&self, path: &'p Path) -> io::Result<(Node, &'p OsStr)> {
        let name = path.file_name().ok_or_else(|| error(libc::EINVAL))?;
        Ok((self.find(path.parent().expect("what has a name lies in a directory"))?, name))
    }

    /// What a path leads to. There are no links, and every path begins at the root.
    pub fn find(&self, path: &Path) -> io::Result<Node> {
        let mut at = ROOT;
        for component in path.components() {
            match component {
                Component::RootDir | Component::CurDir => {}
                Component::Normal(name) => at = self.names(at)?.get(name).ok_or_else(|| error(libc::ENOENT))?,
                Component::ParentDir | Component::Prefix(_) => return Err(error(libc::EINVAL)),
            }
        }
        Ok(at)
    }

    /// The names of a directory.
    pub fn names(&self, node: Node) -> io::Result<&Names> {
        match self.things.get(&node) {
            Some(Thing::Directory(names)) => Ok(names),
            Some(Thing::File(_)) => Err(error(libc::ENOTDIR)),
            None => Err(error(libc::ESTALE)),
        }
    }

    pub fn names_mut(&mut self, node: Node) -> io::Result<&mut Names> {
        match self.things.get_mut(&node) {
            Some(Thing::Directory(names)) => Ok(names),
            Some(Thing::File(_)) => Err(error(libc::ENOTDIR)),
            None => Err(error(libc::ESTALE)),
        }
    }

    pub fn file(&self, node: Node) -> io::Result<&Stored> {
        match self.things.get(&node) {
            Some(Thing::File(stored)) => Ok(stored),
            Some(Thing::Directory(_)) => Err(error(libc::EISDIR)),
            None => Err(error(libc::ESTALE)),
        }
    }

    pub fn file_mut(&mut self, node: Node) -> io::Result<&mut Stored> {
        match self.things.get_mut(&node) {
            Some(Thing::File(stored)) => Ok(stored),
            Some(Thing::Directory(_)) => Err(error(libc::EISDIR)),
            None => Err(error(libc::ESTALE)),
        }
    }

    pub fn is_directory(&self, node: Node) -> bool {
        matches!(self.things.get(&node), Some(Thing::Directory(_)))
    }

    pub fn create_file(&mut self, path: &Path) -> io::Result<Node> {
        self.create(path, Thing::File(Stored::default()))
    }

    pub fn create_directory(&mut self, path: &Path) -> io::Result<Node> {
        self.create(path, Thing::Directory(Names::default()))
    }

    fn create(&mut self, path: &Path, thing: Thing) -> io::Result<Node> {
        let (parent, name) = self.parent(path)?;
        let node = self.next;
        let names = self.names_mut(parent)?;
        if names.get(name).is_some() {
            return Err(error(libc::EEXIST));
        }
        names.set(name, node);
        self.things.insert(node, thing);
        self.next += 1;
        Ok(node)
    }

    /// Returns the node that has lost its name.
    pub fn unlink(&mut self, path: &Path) -> io::Result<Node> {
        let (parent, name) = self.parent(path)?;
        let node = self.names(parent)?.get(name).ok_or_else(|| error(libc::ENOENT))?;
        self.file(node)?;
        self.names_mut(parent)?.clear(name);
        Ok(node)
    }

    /// Takes the name of an empty directory away.
    pub fn remove_directory(&mut self, path: &Path) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        let node = self.names(parent)?.get(name).ok_or_else(|| error(libc::ENOENT))?;
        if self.names(node)?.iter().next().is_some() {
            return Err(error(libc::ENOTEMPTY));
        }
        self.names_mut(parent)?.clear(name);
        Ok(())
    }

    /// Within one directory. Returns the node that had the name before.
    pub fn rename(&mut self, from: &Path, to: &Path) -> io::Result<Option<Node>> {
        let ((parent, name), (other, new)) = (self.parent(from)?, self.parent(to)?);
        if parent != other {
            return Err(error(libc::EXDEV));
        }
        let names = self.names_mut(parent)?;
        let node = names.get(name).ok_or_else(|| error(libc::ENOENT))?;
        let before = names.get(new);
        names.rename(name, new, node);
        Ok(before)
    }

    /// How many names a node has now.
    pub fn link_count(&self, node: Node) -> u32 {
        self.directories().flat_map(Names::iter).map(|(_, named)| u32::from(named == node)).sum()
    }

    /// Bytes of the files that have a name or are `open`, whether they hold zeros or not.
    pub fn used_bytes(&self, is_open: impl Fn(Node) -> bool) -> u64 {
        let named: BTreeSet<Node> = self.directories().flat_map(Names::iter).map(|(_, node)| node).collect();
        let length = |(node, thing): (&Node, &Thing)| match thing {
            Thing::File(stored) if named.contains(node) || is_open(*node) => stored.content.length(),
            Thing::File(_) | Thing::Directory(_) => 0,
        };
        self.things.iter().map(length).sum()
    }

    fn directories(&self) -> impl Iterator<Item = &Names> {
        self.things.values().filter_map(|thing| match thing {
            Thing::Directory(names) => Some(names),
            Thing::File(_) => None,
        })
    }

    /// How many things a crash may keep or lose.
    pub fn pending(&self) -> usize {
        let pending = |thing: &Thing| match thing {
            Thing::Directory(names) => names.pending(),
            Thing::File(stored) => stored.content.pending(),
        };
        self.things.values().map(pending).sum()
    }

    /// What a power cut leaves.
    pub fn crashed(&self, choice: &mut dyn Choice) -> Image {
        let mut left = Image { things: BTreeMap::new(), next: self.next };
        let (mut ahead, mut seen) = (vec![ROOT], BTreeSet::new());
        while let Some(node) = ahead.pop() {
            if !seen.insert(node) {
                continue;
            }
            let thing = match self.things.get(&node) {
                Some(Thing::Directory(names)) => {
                    let names = names.crashed(choice);
                    ahead.extend(names.iter().map(|(_, node)| node));
                    Thing::Directory(names)
                }
                Some(Thing::File(Stored { content, changed })) => {
                    Thing::File(Stored { content: content.crashed(choice), changed: *changed })
                }
                None => continue,
            };
            left.things.insert(node, thing);
        }
        left
    }

    /// Gives back a file that is not open, unless it has a name, or one that a crash would bring back.
    pub fn give_back(&mut self, node: Node) {
        let is_named = self.directories().flat_map(Names::nodes).any(|named| named == node);
        if node != ROOT && !is_named {
            self.things.remove(&node);
        }
    }

    /// Gives back what has no name, not even one that a crash would bring back, and is not open.
    pub fn sweep(&mut self, is_open: impl Fn(Node) -> bool) {
        let named: BTreeSet<Node> = self.directories().flat_map(Names::nodes).collect();
        self.things.retain(|node, _| *node == ROOT || named.contains(node) || is_open(*node));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::choice::Every;
    use super::{Image, ROOT};

    #[test]
    fn what_has_no_durable_name_is_lost() {
        let mut image = Image::new();
        let (directory, path) = (Path::new("/d"), Path::new("/d/file"));
        image.create_directory(directory).unwrap();
        let node = image.create_file(path).unwrap();
        image.file_mut(node).unwrap().content.write(b"x", 0);
        image.file_mut(node).unwrap().content.sync();
        assert!(image.crashed(&mut Every::default()).find(directory).is_err());
        image.names_mut(ROOT).unwrap().sync();
        let left = image.crashed(&mut Every::default());
        assert!(left.find(directory).is_ok() && left.find(path).is_err());
        let inside = image.find(directory).unwrap();
        image.names_mut(inside).unwrap().sync();
        let left = image.crashed(&mut Every::default());
        assert_eq!(left.file(left.find(path).unwrap()).unwrap().content.length(), 1);
    }

    #[test]
    fn a_removed_file_is_given_back_when_a_crash_cannot_bring_it_back() {
        let mut image = Image::new();
        let path = Path::new("/file");
        let node = image.create_file(path).unwrap();
        image.names_mut(ROOT).unwrap().sync();
        image.unlink(path).unwrap();
        image.sweep(|_| false);
        assert!(image.file(node).is_ok());
        image.names_mut(ROOT).unwrap().sync();
        image.sweep(|open| open == node);
        assert!(image.file(node).is_ok());
        image.sweep(|_| false);
        assert!(image.file(node).is_err());
    }
}
