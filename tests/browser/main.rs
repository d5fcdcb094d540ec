//! The dashboard in a real browser, walked as people walk it, against the real daemon between stand-ins.
//!
//! Needs Debian's packages `chromium` and `chromium-driver`. Screenshots of each page are left in target/screenshots.

mod browser;
mod keys;
mod look;
mod stage;
mod walks;
