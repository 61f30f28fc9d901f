//! Rounds of crashes, of one server and of ensembles: clients write with many requests on their way, something dies, and all
//! that is there afterwards is compared with all that was answered.
//!
//! [`model`] is what one writer's znodes must look like, [`writer`] the client that knows it, [`visitors`] are sessions that
//! do not come back. At the end [`judged`] has all that anybody saw judged.
pub mod judged;
pub mod model;
pub mod visitors;
pub mod writer;
