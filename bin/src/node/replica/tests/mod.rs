//! The replica by hand: what reactors would send is put into its queues, and what it tells them is read, turn by turn.

mod audit;
mod histories;
mod leader;
mod learner;
mod long_work;
mod periods;
mod sessions;
mod stop;
mod surveys;
mod turns;
mod world;
