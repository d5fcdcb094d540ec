//! The table `[dashboard]`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::*;

pub(super) const KEYS: &[&str] = &["listen", "cert_file", "key_file", "url", "proxies"];

/// Beside Odoo's own 8069 and the usual 8080, so that none of them is in its way.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8471);
/// Proxies in front of one bridge; more is a mistake.
const PROXIES_MAX: usize = 16;

impl Reader {
    pub(super) fn dashboard<'t>(&mut self, top: &Layer<'t>, folder: &Path) -> Option<Dashboard> {
        let layer = self.layer(top, "dashboard", "dashboard")?;
        self.known_keys(&layer, KEYS, Side::CENTRAL);
        let scope = Scope { layers: vec![layer], owner: Side::CENTRAL };
        let listen = scope.find("listen").and_then(|found| self.address(&found)).unwrap_or(LISTEN);
        let url = scope.find("url").and_then(|found| self.public_url(&found));
        let proxies = self.proxies(&scope);
        let files = (self.optional_text(&scope, "cert_file"), self.optional_text(&scope, "key_file"));
        let tls = match (files, scope.find("cert_file").or_else(|| scope.find("key_file"))) {
            ((Some(cert), Some(key)), _) => Some((folder.join(cert), folder.join(key))),
            ((None, None), _) | (_, None) => None,
            (_, Some(found)) => {
                self.wrong(&found, "stands alone; https needs both: cert_file and key_file");
                None
            }
        };
        let others = !listen.ip().to_canonical().is_loopback();
        if let (true, None, true, Some(found)) = (others, &tls, proxies.is_empty(), scope.find("listen")) {
            self.wrong(
                &found,
                "would show the dashboard, and send passwords, to other machines in the clear; name cert_file and key_file, or \
                 keep \"127.0.0.1:8471\" and put a proxy with https before it",
            );
        }
        Some(Dashboard { listen, tls, url, proxies })
    }

    fn address(&mut self, found: &Found<'_>) -> Option<SocketAddr> {
        let text = self.text(found)?;
        match text.parse::<SocketAddr>() {
            Ok(address) if address.port() != 0 => Some(address),
            _ => {
                self.wrong(found, "must be an address and a port, as \"127.0.0.1:8471\" or \"[::1]:8471\"");
                None
            }
        }
    }

    fn public_url(&mut self, found: &Found<'_>) -> Option<String> {
        let text = self.text(found)?;
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let host = rest.map(|rest| rest.trim_end_matches('/'));
        match host {
            Some(host) if !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ']) => Some(text.trim_end_matches('/').to_lowercase()),
            _ => {
                self.wrong(found, "must be what people type to reach the dashboard, up to the name, as \"https://bridge.example.com\"");
                None
            }
        }
    }

    fn proxies<'t>(&mut self, scope: &Scope<'t>) -> Vec<IpAddr> {
        let mut proxies = Vec::new();
        for text in self.texts(scope, "proxies") {
            match (text.parse(), scope.find("proxies")) {
                (Ok(address), _) if proxies.len() < PROXIES_MAX => proxies.push(address),
                (Ok(_), Some(found)) => self.wrong(&found, &format!("names more than {PROXIES_MAX} proxies")),
                (Err(_), Some(found)) => self.wrong(&found, "must be a list of addresses, as [\"127.0.0.1\"]"),
                (_, None) => {}
            }
        }
        proxies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a file with this table is told, or what it says.
    fn read(lines: &str) -> Result<Option<Dashboard>, String> {
        let text = format!(
            "{lines}\n[central]\nurl = \"https://erp.example.com\"\ndatabase = \"central\"\nuser = \"bridge\"\n\
             [branch.tirana]\nurl = \"https://tirana.example.com\"\ndatabase = \"tirana\"\nuser = \"bridge\"\nfrom = 2026-11-01\n\
             customer = \"Walk-in\"\n"
        );
        let config = Config::parse(&text, Path::new("/etc/posbridge/branches.toml"));
        config.map(|config| config.dashboard).map_err(|error| error.to_string())
    }

    #[test]
    fn without_the_table_there_is_none_and_an_empty_one_listens_to_this_machine_alone() {
        assert_eq!(read(""), Ok(None));
        let plain = Dashboard { listen: LISTEN, tls: None, url: None, proxies: Vec::new() };
        assert_eq!(read("[dashboard]"), Ok(Some(plain)));
    }

    #[test]
    fn other_machines_reach_it_by_https_or_through_a_proxy() {
        let tls =
            read("[dashboard]\nlisten = \"0.0.0.0:443\"\ncert_file = \"tls/cert.pem\"\nkey_file = \"/run/key.pem\"").unwrap().unwrap();
        assert_eq!(tls.tls, Some(("/etc/posbridge/tls/cert.pem".into(), "/run/key.pem".into())));
        assert!(tls.is_secure());
        let proxied = "[dashboard]\nlisten = \"10.0.0.5:8471\"\nurl = \"https://bridge.example.com/\"\nproxies = [\"10.0.0.1\"]";
        let proxied = read(proxied).unwrap().unwrap();
        assert_eq!(proxied.url.as_deref(), Some("https://bridge.example.com"));
        assert!(proxied.is_secure() && proxied.proxies == ["10.0.0.1".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn what_would_be_unsafe_or_unclear_is_refused() {
        let mistakes = [
            "listen = \"0.0.0.0:8471\"",
            "listen = \"localhost:8471\"",
            "listen = \"127.0.0.1:0\"",
            "cert_file = \"cert.pem\"",
            "key_file = \"key.pem\"",
            "url = \"bridge.example.com\"",
            "url = \"https://bridge.example.com/dashboard\"",
            "url = \"https://anna:secret@bridge.example.com\"",
            "proxies = \"127.0.0.1\"",
            "proxies = [\"nginx\"]",
            "password = \"secret\"",
        ];
        let told: Vec<String> =
            mistakes.iter().map(|line| format!("{line}\n    {}", read(&format!("[dashboard]\n{line}")).unwrap_err())).collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
