//! The table `[dashboard]`: where people look at the bridge in a browser.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// The dashboard that the daemon serves. Without the table there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dashboard {
    /// Where it is answered.
    pub listen: SocketAddr,
    /// The certificate with its chain, and its private key: PEM files, absolute. None = plain http.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// What people type to reach it, if that is a proxy: `https://bridge.example.com`, without a slash at the end.
    pub url: Option<String>,
    /// Proxies whose word on where a request comes from is believed.
    pub proxies: Vec<IpAddr>,
}

impl Dashboard {
    /// Whether browsers speak https to it, or to the proxy before it.
    pub fn is_secure(&self) -> bool {
        self.tls.is_some() || self.url.as_ref().is_some_and(|url| url.starts_with("https://"))
    }
}
