//! Generations: each is a directory with the snapshots and the log of one history.
//!
//! A server that is brought another history than its own, by a snapshot of its leader's, cannot put that beside what it
//! has: a start would go on from the one with what the other's log holds. So it makes a new directory, and one file says
//! which directory counts.
//!
//! ```text
//! <dataDir>/paddock.generation            which one is present; without it the first
//! <dataDir>/paddock-1/                    snapshots, milestone and log of the first, 0
//! <dataDir>/paddock.generation.1/paddock-1/    those of the next
//! <dataDir>/paddock.generation.1/unfinished    an empty file: it has never counted
//! <dataLogDir>/paddock.generation.1/paddock-1/ its log, where that is another directory
//! <dataDir>/paddock.generation.2.aside/   one that somebody has put back, though it was after the present one
//! ```
//!
//! The directory of a generation is to its snapshots and its log what the `dataDir` and the `dataLogDir` are to those of the
//! first. A change makes, each step durable before the next:
//!
//! | step | a crash behind it leaves |
//! |---|---|
//! | 1. the file, with the present generation, if it is not there yet | the present generation |
//! | 2. the directory of the next one, with the file `unfinished`, then a snapshot, and a log after that | the same; what was made is removed by a start, or by the next change |
//! | 3. the file is replaced by one that names the next | the next generation, whole |
//! | 4. `unfinished` is removed | the same |
//! | 5. former generations are removed by and by, while the present one is served | the same; a start goes on with it |
//!
//! Because of the first step, the directory of a later generation without the file shows that the file is lost. Because of the
//! fourth, a directory after the present one, without `unfinished`, is one that counted once and that a person has put back: it
//! is never removed, but gets another name, and that is told.
//!
//! A member of an ensemble does not need to know which one is present where the file is lost or damaged: what it is brought takes
//! the place of all of them. It does the second step with a number above all others, and removes before it only what was begun
//! likewise and has nothing in it, so that everything else stays until there is a file again.
//!
//! The file is text, for people too: a line for each field, its name and its value.
//!
//! | field | value |
//! |---|---|
//! | `paddock-generation` | 1, the format; the first line |
//! | `number` | that of the present generation, decimal |
//! | `sum` | CRC32C of the lines before, 8 hexadecimal digits |
//!
//! | part | file |
//! |---|---|
//! | a generation's number and the names of directories; knows nothing else | `number` |
//! | the file, and which generation is present | `file` |
//! | the next one | `next` |
//! | what others have left | `others`, `place` |

mod error;
mod file;
mod next;
mod number;
mod others;
mod place;

pub use error::GenerationError;
pub use file::{GenerationFile, known, present};
pub use next::{NextGeneration, Succeeded};
pub use number::Generation;
pub use others::{FormerGenerations, FoundGeneration, list, make_way};

#[cfg(test)]
mod tests;
