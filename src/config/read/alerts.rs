//! The table `[alerts]`.

use std::str::FromStr as _;

use lettre::Address;

use super::*;

pub(super) const KEYS: &[&str] = &["silent", "failures", "disk", "mail", "webhook"];
const MAIL_KEYS: &[&str] = &["server", "port", "tls", "allow_plain", "ca_file", "user", "from", "to"];
const WEBHOOK_KEYS: &[&str] = &["url", "allow_http", "ca_file"];

/// How long a branch may be silent: sooner than 10 minutes each restart would be told, later than 30 days nobody would
/// still call it an alert.
const SILENT: Limits = Limits { default: Alerts::SILENT.as_secs(), range: 600..=30 * 86_400 };
/// Records of one branch; beyond a million the number says nothing.
const FAILURES: RangeInclusive<i64> = 1..=1_000_000;
/// Free space: below 10 MiB SQLite fails before anybody has read the message; above 1 TiB a digit is wrong.
const DISK: RangeInclusive<u64> = 10 << 20..=1 << 40;
/// Most addresses: for more there are distribution lists.
const TO_MAX: usize = 20;

impl Reader {
    pub(super) fn alerts<'t>(&mut self, top: &Layer<'t>, folder: &Path) -> Alerts {
        let Some(layer) = self.layer(top, "alerts", "alerts") else { return Alerts::default() };
        self.known_keys(&layer, KEYS, Alerts::MAIL_OWNER);
        let mail = self.layer(&layer, "mail", "alerts.mail").map(|layer| self.mail(layer, folder));
        let webhook = self.layer(&layer, "webhook", "alerts.webhook").and_then(|layer| self.webhook(layer, folder));
        let scope = Scope { layers: vec![layer], owner: Alerts::MAIL_OWNER };
        Alerts {
            silent: self.duration(&scope, "silent", &SILENT),
            failures: self.whole(&scope, "failures", FAILURES, Alerts::FAILURES as i64).unsigned_abs(),
            disk: self.size(&scope, "disk", DISK, Alerts::DISK),
            mail,
            webhook,
        }
    }

    fn mail<'t>(&mut self, layer: Layer<'t>, folder: &Path) -> Mail {
        self.known_keys(&layer, MAIL_KEYS, Alerts::MAIL_OWNER);
        let scope = Scope { layers: vec![layer], owner: Alerts::MAIL_OWNER };
        let words = [("starttls", MailTls::Starttls), ("tls", MailTls::Tls), ("none", MailTls::None)];
        let tls = self.choice(&scope, "tls", &words);
        let server = self.told(&scope, "server", "the name of the mail server, as server = \"mail.example.com\"");
        let server = server.map(|found| self.mail_server(&found)).unwrap_or_default();
        let allowed = self.flag(&scope, "allow_plain", false);
        if let (Some(found), MailTls::None, false) = (scope.find("tls"), tls, allowed || server.is_empty() || is_this_machine(&server)) {
            self.wrong(
                &found,
                "is \"none\": anyone on the way could read the messages and the password; write \"starttls\" or \"tls\", or \
                 allow_plain = true if the way is safe (a VPN)",
            );
        }
        let from = self.told(&scope, "from", "the sender's address, as from = \"posbridge@example.com\"");
        let from = from.and_then(|found| self.mail_address(&found)).unwrap_or_default();
        Mail {
            server,
            port: self.whole(&scope, "port", 1..=65_535, tls.port().into()) as u16,
            tls,
            ca_file: self.optional_text(&scope, "ca_file").map(|file| folder.join(file)),
            user: self.optional_text(&scope, "user"),
            from,
            to: self.mail_recipients(&scope),
        }
    }

    fn mail_server(&mut self, found: &Found<'_>) -> String {
        let Some(text) = self.text(found) else { return String::new() };
        if !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'))
            || text.contains("::") != text.contains(':')
        {
            self.wrong(found, "must be the name of a server alone, as \"mail.example.com\"; the port stands under `port`");
        }
        text.to_lowercase()
    }

    fn mail_recipients<'t>(&mut self, scope: &Scope<'t>) -> Vec<String> {
        let Some(found) = self.told(scope, "to", "who is told, as to = [\"ops@example.com\"]") else { return Vec::new() };
        let DeValue::Array(items) = found.value else {
            self.wrong(&found, &format!("must be a list, as [\"ops@example.com\"], not {}", kind(found.value)));
            return Vec::new();
        };
        if items.is_empty() || items.len() > TO_MAX {
            self.wrong(&found, &format!("must name 1 to {TO_MAX} addresses"));
        }
        let item = |value: &'t Spanned<DeValue<'t>>| Found {
            label: found.label.clone(),
            key: found.key.clone(),
            value: value.get_ref(),
            at: value.span().start,
        };
        items.iter().filter_map(|value| self.mail_address(&item(value))).collect()
    }

    fn mail_address(&mut self, found: &Found<'_>) -> Option<String> {
        let text = self.text(found)?;
        if Address::from_str(&text).is_err() {
            self.wrong(found, "is no mail address; write it as \"ops@example.com\", without a name");
            return None;
        }
        Some(text)
    }

    fn webhook<'t>(&mut self, layer: Layer<'t>, folder: &Path) -> Option<Webhook> {
        self.known_keys(&layer, WEBHOOK_KEYS, Alerts::WEBHOOK_OWNER);
        let scope = Scope { layers: vec![layer], owner: Alerts::WEBHOOK_OWNER };
        let allow_http = self.flag(&scope, "allow_http", false);
        let found = self.told(&scope, "url", "where messages are posted, as url = \"https://chat.example.com/hooks/{secret}\"")?;
        let url = self.text(&found)?;
        self.webhook_url(&found, &url, allow_http);
        Some(Webhook { url, ca_file: self.optional_text(&scope, "ca_file").map(|file| folder.join(file)) })
    }

    /// The text is never repeated: whoever knows it may post.
    fn webhook_url(&mut self, found: &Found<'_>, text: &str, allow_http: bool) {
        // Twice, since the secret may stand anywhere but in the part that says which server gets it.
        let (one, other) = (Url::parse(&text.replace(Webhook::SECRET, "a")), Url::parse(&text.replace(Webhook::SECRET, "b")));
        let (Ok(url), Ok(other)) = (one, other) else {
            return self.wrong(found, "is not an address; write it as \"https://chat.example.com/hooks/{secret}\"");
        };
        // As it may be shown: the parser of addresses also takes `https:/chat.example.com` and more odd spellings.
        let shown = Webhook { url: text.replace(Webhook::SECRET, "a"), ca_file: None }.origin();
        let is_plain = text.find("://") == Some(url.scheme().len()) && Url::parse(&shown).is_ok_and(|shown| shown.origin() == url.origin());
        if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) || !is_plain {
            self.wrong(found, "must begin with https:// and a server name");
        }
        if url.origin() != other.origin() {
            self.wrong(found, "has {secret} in the name of the server; it may stand behind it only");
        }
        if !url.username().is_empty() || url.password().is_some() || !other.username().is_empty() || other.password().is_some() {
            let text = "has a user or password in it; delete the part up to the @, and type: posbridge secret set webhook";
            self.wrong(found, text);
        }
        if is_link_local(&url) {
            self.wrong(found, "is a link-local address, which takes no messages; write the server's name");
        }
        if url.scheme() == "http" && !allow_http && !is_loopback(&url) {
            self.wrong(
                found,
                "is plain http: anyone on the way could read the messages; write https://, or allow_http = true if the way is \
                 safe (a VPN)",
            );
        }
    }

    /// A key that has to be there.
    fn told<'t>(&mut self, scope: &Scope<'t>, key: &'t str, hint: &str) -> Option<Found<'t>> {
        let found = scope.find(key);
        if found.is_none() {
            let own = scope.own();
            self.complain(&own.label, own.at, format!("`{key}` is missing: {hint}"));
        }
        found
    }

    fn whole<'t>(&mut self, scope: &Scope<'t>, key: &'t str, range: RangeInclusive<i64>, default: i64) -> i64 {
        let Some(found) = scope.find(key) else { return default };
        let number = match found.value {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        match number {
            Some(number) if range.contains(&number) => number,
            _ => {
                self.wrong(&found, &format!("must be a whole number without quotes, {} to {}", range.start(), range.end()));
                default
            }
        }
    }

    /// Bytes, written with their unit.
    fn size<'t>(&mut self, scope: &Scope<'t>, key: &'t str, range: RangeInclusive<u64>, default: u64) -> u64 {
        let Some(found) = scope.find(key) else { return default };
        if !matches!(found.value, DeValue::String(_)) {
            self.wrong(&found, "needs a unit and quotes, as \"500 MiB\" or \"1 GiB\"");
            return default;
        }
        let Some(text) = self.text(&found) else { return default };
        match bytes(&text) {
            Some(bytes) if range.contains(&bytes) => bytes,
            Some(_) => {
                self.wrong(&found, &format!("must lie between {} MiB and {} GiB", range.start() >> 20, range.end() >> 30));
                default
            }
            None => {
                self.wrong(&found, "is not a size; write it as \"500 MiB\" or \"1 GiB\"");
                default
            }
        }
    }
}

/// `1 GiB` and `1GB` mean the same here: nobody fills a disk to the last byte.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let shift = match text[digits..].trim().to_lowercase().as_str() {
        "mib" | "mb" | "m" => 20,
        "gib" | "gb" | "g" => 30,
        "tib" | "tb" | "t" => 40,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

/// Whether a server's name means this machine.
fn is_this_machine(server: &str) -> bool {
    server == "localhost" || server.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
pub(super) fn every_key() -> Vec<&'static str> {
    [KEYS, MAIL_KEYS, WEBHOOK_KEYS].concat()
}
