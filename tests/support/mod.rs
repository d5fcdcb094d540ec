//! What several test programs share.

#[allow(dead_code)] // each suite uses its part
pub mod proxy;
