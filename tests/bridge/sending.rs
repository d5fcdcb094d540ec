//! Sending, against the stand-in.

mod everyday;
mod mishaps;
mod stage;
mod versions;
