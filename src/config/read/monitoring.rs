//! The table `[monitoring]`.

use std::net::SocketAddr;

use super::*;

pub(super) const KEYS: &[&str] = &["listen"];

impl Reader {
    pub(super) fn monitoring<'t>(&mut self, top: &Layer<'t>) -> Monitoring {
        let Some(layer) = self.layer(top, "monitoring", "monitoring") else { return Monitoring::default() };
        self.known_keys(&layer, KEYS, Side::CENTRAL);
        Monitoring { listen: layer.find("listen").and_then(|found| self.loopback(&found)) }
    }

    /// An address with a port that only this machine reaches.
    fn loopback(&mut self, found: &Found<'_>) -> Option<SocketAddr> {
        let text = self.text(found)?;
        let Ok(address) = text.parse::<SocketAddr>() else {
            self.wrong(found, "must be an address and a port, as \"127.0.0.1:9464\" or \"[::1]:9464\"");
            return None;
        };
        if address.port() == 0 {
            self.wrong(found, "has no port; write one that is free, as \"127.0.0.1:9464\"");
            return None;
        }
        if !address.ip().to_canonical().is_loopback() {
            self.wrong(
                found,
                "would answer other machines, without a password and in the clear; write \"127.0.0.1:9464\", and for \
                 others put a proxy (nginx, with TLS and a password) before it",
            );
            return None;
        }
        Some(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a file with this value is told, or where it listens.
    fn read_listen(value: &str) -> Result<Option<SocketAddr>, String> {
        let text = format!(
            "[monitoring]\n{value}\n[central]\nurl = \"https://erp.example.com\"\ndatabase = \"central\"\nuser = \"bridge\"\n\
             [branch.tirana]\nurl = \"https://tirana.example.com\"\ndatabase = \"tirana\"\nuser = \"bridge\"\nfrom = 2026-11-01\n\
             customer = \"Walk-in\"\n"
        );
        let config = Config::parse(&text, Path::new("branches.toml"));
        config.map(|config| config.monitoring.listen).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_of_this_machine_is_taken() {
        for address in ["127.0.0.1:9464", "127.8.0.1:1", "[::1]:9464", "[::ffff:127.0.0.1]:9464"] {
            assert_eq!(read_listen(&format!("listen = \"{address}\"")), Ok(Some(address.parse().unwrap())));
        }
        assert_eq!(read_listen(""), Ok(None));
    }

    #[test]
    fn what_others_would_reach_is_refused() {
        let mistakes = [
            "listen = \"0.0.0.0:9464\"",
            "listen = \"192.168.1.7:9464\"",
            "listen = \"[::]:9464\"",
            "listen = \"localhost:9464\"",
            "listen = \"127.0.0.1\"",
            "listen = \"127.0.0.1:0\"",
            "listen = \":9464\"",
            "listen = 9464",
            "listen = \"\"",
            "port = 9464",
        ];
        let told: Vec<String> = mistakes.iter().map(|line| format!("{line}\n    {}", read_listen(line).unwrap_err())).collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
