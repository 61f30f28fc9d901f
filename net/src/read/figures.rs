//! What is counted of what reads have read, as ZooKeeper counts it: the path, the data or the names of children, and a Stat.

use crate::namespaces::Run;
use crate::status::Figures;

/// What ZooKeeper takes a Stat for, bytes.
pub const STAT: usize = 68;

/// The reads of one reactor, by namespace.
pub struct ReadFigures {
    figures: Figures,
    run: Run,
}

impl ReadFigures {
    /// For this reactor's figures.
    pub fn new(figures: Figures) -> ReadFigures {
        ReadFigures { figures, run: Run::default() }
    }

    /// So many bytes were read at a path.
    #[inline]
    pub fn note(&mut self, path: &str, bytes: usize) {
        let ReadFigures { figures, run } = self;
        run.note(path.as_bytes(), path.len().wrapping_add(bytes) as u64, || &figures.own().read_by_namespace);
    }

    /// Tells what was counted.
    pub fn tell(&mut self) {
        self.run.tell(&self.figures.own().read_by_namespace);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::ReadFigures;
    use crate::status::{Figures, ReactorStatus, Status};

    #[test]
    fn the_path_counts_with_what_was_read_once_it_is_told() {
        let status = Arc::new(Status { reactors: vec![ReactorStatus::default()], ..Status::default() });
        let mut figures = ReadFigures::new(Figures::new(status.clone(), 0));
        figures.note("/a/b", 10);
        figures.note("/a", 1);
        let counted = || status.reactors[0].read_by_namespace.iter().map(|(_, sums)| sums.sum).sum::<u64>();
        assert_eq!(counted(), 0);
        figures.tell();
        assert_eq!(counted(), 17);
    }
}
