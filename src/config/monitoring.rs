//! The table `[monitoring]`: where the daemon answers about itself.

use std::net::SocketAddr;

/// What the daemon tells machines that watch it. Nothing listens by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Monitoring {
    /// Where `/healthz`, `/readyz` and `/metrics` are answered: an address of this machine alone.
    pub listen: Option<SocketAddr>,
}
