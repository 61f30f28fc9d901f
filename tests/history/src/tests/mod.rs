//! Histories of an ensemble that keeps its promises, and of one that breaks them.

mod ensemble;
mod planted;
mod texts;
mod valid;
