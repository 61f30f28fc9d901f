//! The window: the newest transactions, as they are encoded in the log, for servers that lack only these.
//!
//! A record is copied once, behind the one before, into a chunk of memory that is used again when its records have gone; so
//! none is allocated for. Records lie in one piece each. What is not committed never goes: only the history before it can be
//! had from elsewhere.

use std::collections::VecDeque;

use paddock_consensus::Zxid;

/// Transactions that are kept at least, whatever the operator wants.
pub const WINDOW_TXNS_MIN: usize = 500;
/// Bytes of records beyond which the oldest committed ones go, however few they are.
pub const WINDOW_BYTES: usize = 64 << 20;
/// Memory is taken in chunks of so many bytes; a longer record has one of its own.
const CHUNK_BYTES: usize = 256 << 10;

#[derive(Debug)]
pub struct Window {
    transactions_max: usize,
    bytes_max: usize,
    /// The last transaction before the first record.
    before: Zxid,
    committed: Zxid,
    /// Where the records are, in the order of their transactions.
    records: VecDeque<Record>,
    /// Bytes of all records.
    bytes: usize,
    /// How many of the records are committed: the first ones.
    committed_records: usize,
    /// Bytes of those that are not.
    uncommitted_bytes: usize,
    chunks: VecDeque<Vec<u8>>,
    /// The number of the first chunk; the others count on.
    first_chunk: u64,
    /// A chunk that is used again.
    spare: Option<Vec<u8>>,
}

/// Where a record is.
#[derive(Clone, Copy, Debug)]
struct Record {
    zxid: Zxid,
    chunk: u64,
    /// Where it begins, in bytes from the chunk's start.
    start: usize,
    length: usize,
}

impl Window {
    /// An empty one behind transaction `last`, which is committed. It keeps `transactions_max` committed ones, but at least
    /// [`WINDOW_TXNS_MIN`] and no more than [`WINDOW_BYTES`].
    pub fn new(last: Zxid, transactions_max: usize) -> Window {
        Window::with_bounds(last, transactions_max.max(WINDOW_TXNS_MIN), WINDOW_BYTES)
    }

    fn with_bounds(last: Zxid, transactions_max: usize, bytes_max: usize) -> Window {
        Window {
            transactions_max,
            bytes_max,
            before: last,
            committed: last,
            records: VecDeque::new(),
            bytes: 0,
            committed_records: 0,
            uncommitted_bytes: 0,
            chunks: VecDeque::new(),
            first_chunk: 0,
            spare: None,
        }
    }

    /// The last transaction before the first record.
    pub fn before(&self) -> Zxid {
        self.before
    }

    /// The last transaction that there is.
    pub fn last(&self) -> Zxid {
        self.records.back().map_or(self.before, |record| record.zxid)
    }

    /// Keeps the record of the next transaction.
    ///
    /// # Panics
    /// If `zxid` is not above all before it.
    pub fn push(&mut self, zxid: Zxid, record: &[u8]) {
        assert!(zxid > self.last(), "transaction {zxid} comes after {} in the window", self.last());
        let chunk = self.chunk_for(record.len());
        let start = chunk.len();
        chunk.extend_from_slice(record);
        let chunk = self.first_chunk + self.chunks.len() as u64 - 1;
        self.records.push_back(Record { zxid, chunk, start, length: record.len() });
        self.bytes += record.len();
        self.uncommitted_bytes += record.len();
        self.trim();
    }

    /// How many transactions are here that are not committed, and the bytes of their records.
    pub fn uncommitted(&self) -> (usize, usize) {
        (self.records.len() - self.committed_records, self.uncommitted_bytes)
    }

    /// Every transaction up to this one is committed.
    pub fn commit(&mut self, zxid: Zxid) {
        self.committed = self.committed.max(zxid);
        self.trim();
    }

    /// The log ends with transaction `last` from here on: whatever came after it goes.
    ///
    /// # Panics
    /// If that is a transaction which is committed, or if `last` is neither here nor the last one before what is.
    pub fn cut_after(&mut self, last: Zxid) {
        assert!(last >= self.committed, "transaction {} is committed and not cut off after {last}", self.committed);
        assert!(self.has(last), "transaction {last} is not in the window, which cannot end with it");
        while let Some(newest) = self.records.pop_back_if(|newest| newest.zxid > last) {
            self.bytes -= newest.length;
            self.uncommitted_bytes -= newest.length;
            self.cut_chunks_at(newest);
        }
    }

    /// The log begins anew behind transaction `last`, which is committed: no record is here any more.
    pub fn restart(&mut self, last: Zxid) {
        *self = Window { spare: self.spare.take(), ..Window::with_bounds(last, self.transactions_max, self.bytes_max) };
    }

    /// Keeps nothing of the chunks from where this record began.
    fn cut_chunks_at(&mut self, Record { chunk, start, .. }: Record) {
        let kept = usize::try_from(chunk - self.first_chunk).expect("there are few chunks") + 1;
        self.chunks.truncate(kept);
        if let Some(last) = self.chunks.back_mut() {
            last.truncate(start);
        }
    }

    /// Whether this is the last transaction before the first record, or one whose record is here.
    pub fn has(&self, zxid: Zxid) -> bool {
        zxid == self.before || self.records.binary_search_by_key(&zxid, |record| record.zxid).is_ok()
    }

    /// The transactions after one and up to another, with their records. `None` if some of them are not here any more.
    pub fn range(&self, after: Zxid, to: Zxid) -> Option<impl Iterator<Item = (Zxid, &[u8])>> {
        (after >= self.before).then(|| self.present(after, to))
    }

    /// Those of the transactions after one and up to another that are here, with their records.
    pub fn present(&self, after: Zxid, to: Zxid) -> impl Iterator<Item = (Zxid, &[u8])> {
        let place = |zxid: Zxid| self.records.partition_point(|record| record.zxid <= zxid);
        let (first, end) = (place(after), place(to));
        let records = self.records.range(first..end.max(first));
        records.map(|record| (record.zxid, self.bytes_of(record)))
    }

    /// The record of one transaction; `None` if it is not here.
    pub fn record(&self, zxid: Zxid) -> Option<&[u8]> {
        let place = self.records.binary_search_by_key(&zxid, |record| record.zxid).ok()?;
        Some(self.bytes_of(&self.records[place]))
    }

    fn bytes_of(&self, record: &Record) -> &[u8] {
        let chunk = usize::try_from(record.chunk - self.first_chunk).expect("there are few chunks");
        &self.chunks[chunk][record.start..record.start + record.length]
    }

    /// The last chunk, or a new one where that has no room for so many bytes more.
    fn chunk_for(&mut self, length: usize) -> &mut Vec<u8> {
        let has_room = self.chunks.back().is_some_and(|chunk| chunk.capacity() - chunk.len() >= length);
        if !has_room {
            let spare = self.spare.take_if(|spare| spare.capacity() >= length);
            self.chunks.push_back(spare.unwrap_or_else(|| Vec::with_capacity(length.max(CHUNK_BYTES))));
        }
        self.chunks.back_mut().expect("one was put there")
    }

    /// Lets the oldest go that are too many.
    fn trim(&mut self) {
        while let Some(record) = self.records.get(self.committed_records).filter(|next| next.zxid <= self.committed) {
            self.uncommitted_bytes -= record.length;
            self.committed_records += 1;
        }
        let is_over =
            |window: &Window| window.records.len() > window.transactions_max || window.bytes > window.bytes_max;
        while is_over(self)
            && let Some(oldest) = self.records.pop_front_if(|oldest| oldest.zxid <= self.committed)
        {
            self.before = oldest.zxid;
            self.bytes -= oldest.length;
            self.committed_records -= 1;
            self.let_chunks_go();
        }
    }

    /// Keeps no chunk before that of the oldest record.
    fn let_chunks_go(&mut self) {
        let needed = self.records.front().map_or(u64::MAX, |oldest| oldest.chunk);
        while self.first_chunk < needed
            && let Some(mut chunk) = self.chunks.pop_front()
        {
            self.first_chunk += 1;
            // Those of long records are too large to keep for nothing.
            if chunk.capacity() == CHUNK_BYTES {
                chunk.clear();
                self.spare = Some(chunk);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::Zxid;

    use super::{CHUNK_BYTES, Window};

    fn record(zxid: i64, length: usize) -> Vec<u8> {
        vec![zxid as u8; length]
    }

    fn push(window: &mut Window, zxids: std::ops::RangeInclusive<i64>, length: usize) {
        zxids.for_each(|zxid| window.push(Zxid(zxid), &record(zxid, length)));
    }

    /// The zxids of a range, whose records are as they were.
    fn zxids(window: &Window, after: i64, to: i64, length: usize) -> Option<Vec<i64>> {
        let range = window.range(Zxid(after), Zxid(to))?;
        Some(
            range
                .map(|(zxid, bytes)| {
                    assert_eq!(bytes, record(zxid.0, length));
                    zxid.0
                })
                .collect(),
        )
    }

    /// Between two acknowledgements may lie as many numbers as there are.
    #[test]
    fn only_what_is_here_is_looked_at() {
        let mut window = Window::new(Zxid(0x1_0000_0009), 10);
        for zxid in [0x5_0000_0001, 0x5_0000_0002] {
            window.push(Zxid(zxid), b"record");
        }
        let present = |after, to| window.present(Zxid(after), Zxid(to)).map(|(zxid, _)| zxid.0).collect::<Vec<_>>();
        assert_eq!(present(0x1_0000_0002, i64::MAX), [0x5_0000_0001, 0x5_0000_0002]);
        assert_eq!(present(0x5_0000_0001, 0x5_0000_0002), [0x5_0000_0002]);
        assert!(present(i64::MAX, 0).is_empty() && present(0, 0x1_0000_0009).is_empty());
    }

    #[test]
    fn records_are_found_by_their_zxids() {
        let mut window = Window::with_bounds(Zxid(4), 100, 1 << 20);
        push(&mut window, 5..=7, 10);
        window.push(Zxid(1 << 32), &record(1 << 32, 10));
        assert_eq!(zxids(&window, 4, i64::MAX, 10), Some(vec![5, 6, 7, 1 << 32]));
        assert_eq!(zxids(&window, 5, 7, 10), Some(vec![6, 7]));
        assert_eq!(zxids(&window, 7, 6, 10), Some(vec![]), "nothing is between them");
        assert_eq!(zxids(&window, 3, 7, 10), None, "transaction 4 is not here");
        assert_eq!([3, 4, 5, 8, 1 << 32].map(|zxid| window.has(Zxid(zxid))), [false, true, true, false, true]);
        assert_eq!(window.last(), Zxid(1 << 32));
    }

    #[test]
    fn the_oldest_that_are_committed_go() {
        let mut window = Window::with_bounds(Zxid::ZERO, 3, 1 << 20);
        push(&mut window, 1..=9, 10);
        assert_eq!(zxids(&window, 0, 9, 10).map(|all| all.len()), Some(9), "what is not committed stays");
        window.commit(Zxid(4));
        assert_eq!((zxids(&window, 3, 9, 10), zxids(&window, 4, 9, 10)), (None, Some(vec![5, 6, 7, 8, 9])));
        window.commit(Zxid(9));
        assert_eq!(zxids(&window, 6, 9, 10), Some(vec![7, 8, 9]), "as many as there may be");
        let mut window = Window::with_bounds(Zxid::ZERO, 100, 25);
        push(&mut window, 1..=4, 10);
        window.commit(Zxid(9));
        assert_eq!(zxids(&window, 2, 4, 10), Some(vec![3, 4]), "bytes count too");
        window.push(Zxid(5), &record(5, 30));
        assert_eq!((window.has(Zxid(5)), zxids(&window, 5, 9, 30)), (true, Some(vec![])), "one that is too long");
        push(&mut window, 6..=6, 10);
        assert_eq!(zxids(&window, 5, 9, 10), Some(vec![6]));
    }

    #[test]
    fn what_is_not_committed_is_counted() {
        let mut window = Window::with_bounds(Zxid::ZERO, 3, 1 << 20);
        push(&mut window, 1..=9, 10);
        assert_eq!(window.uncommitted(), (9, 90));
        window.commit(Zxid(4));
        assert_eq!(window.uncommitted(), (5, 50), "whether those before are here or not");
        window.cut_after(Zxid(7));
        assert_eq!(window.uncommitted(), (3, 30));
        window.commit(Zxid(9));
        push(&mut window, 8..=10, 10);
        assert_eq!(window.uncommitted(), (1, 10), "what comes later may have been committed before");
        window.restart(Zxid(10));
        assert_eq!(window.uncommitted(), (0, 0));
    }

    #[test]
    fn what_is_cut_off_goes_and_others_take_its_place() {
        const LENGTH: usize = CHUNK_BYTES / 3;
        let mut window = Window::with_bounds(Zxid(4), 100, 1 << 30);
        push(&mut window, 5..=14, LENGTH);
        window.commit(Zxid(6));
        window.cut_after(Zxid(14));
        assert_eq!(zxids(&window, 4, 99, LENGTH).map(|all| all.len()), Some(10), "there is nothing after the last");
        window.cut_after(Zxid(9));
        assert_eq!((zxids(&window, 4, 99, LENGTH), window.last()), (Some((5..=9).collect()), Zxid(9)));
        assert_eq!((window.bytes, window.chunks.len()), (5 * LENGTH, 2));
        push(&mut window, 10..=11, LENGTH);
        push(&mut window, 1 << 32..=1 << 32, LENGTH);
        assert_eq!(zxids(&window, 8, i64::MAX, LENGTH), Some(vec![9, 10, 11, 1 << 32]));
        window.cut_after(Zxid(6));
        assert_eq!(zxids(&window, 4, 99, LENGTH), Some(vec![5, 6]), "what is committed stays");
        let mut window = Window::with_bounds(Zxid(4), 100, 1 << 30);
        push(&mut window, 5..=6, 10);
        window.cut_after(Zxid(4));
        assert_eq!((window.last(), window.bytes, zxids(&window, 4, 99, 10)), (Zxid(4), 0, Some(vec![])));
        push(&mut window, 5..=5, 20);
        window.commit(Zxid(5));
        assert_eq!(zxids(&window, 4, 99, 20), Some(vec![5]));
    }

    #[test]
    #[should_panic(expected = "is committed")]
    fn nothing_is_cut_off_that_is_committed() {
        let mut window = Window::with_bounds(Zxid(4), 100, 1 << 20);
        push(&mut window, 5..=6, 10);
        window.commit(Zxid(6));
        window.cut_after(Zxid(5));
    }

    #[test]
    fn it_begins_anew_behind_another_state() {
        let mut window = Window::with_bounds(Zxid(4), 3, 1 << 20);
        push(&mut window, 5..=7, 10);
        window.restart(Zxid(2));
        assert_eq!((window.last(), window.bytes, zxids(&window, 2, 99, 10)), (Zxid(2), 0, Some(vec![])));
        push(&mut window, 3..=8, 10);
        assert_eq!(zxids(&window, 2, 99, 10).map(|all| all.len()), Some(6), "none of them is committed");
        window.commit(Zxid(8));
        assert_eq!(zxids(&window, 5, 99, 10), Some(vec![6, 7, 8]), "its bounds are as before");
    }

    #[test]
    fn memory_is_used_again() {
        const LENGTH: usize = 1000;
        let mut window = Window::with_bounds(Zxid::ZERO, 500, CHUNK_BYTES * 10);
        for zxid in 1..=5000 {
            let (first, last, had_spare) = (window.first_chunk, window.chunks.len(), window.spare.is_some());
            window.push(Zxid(zxid), &record(zxid, LENGTH));
            let took = window.chunks.len() > last;
            assert!(!took || !had_spare || window.spare.is_none(), "a spare chunk is taken first");
            window.commit(Zxid(zxid));
            assert!(window.first_chunk == first || window.spare.is_some(), "one that is not needed is kept");
            assert!(window.chunks.len() <= 500 * LENGTH / CHUNK_BYTES + 2, "{} chunks", window.chunks.len());
        }
        assert!(window.chunks.iter().chain(&window.spare).all(|chunk| chunk.capacity() == CHUNK_BYTES));
        assert_eq!(zxids(&window, 4500, 5000, LENGTH).map(|all| all.len()), Some(500));
        push(&mut window, 5001..=5001, 3 * CHUNK_BYTES);
        assert_eq!(zxids(&window, 5000, 5001, 3 * CHUNK_BYTES), Some(vec![5001]));
    }
}
