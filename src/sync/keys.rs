//! When the API keys of the bridge's user end.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::connection::Connection;
use super::parse_odoo_time;
use crate::odoo::Call;
use crate::store::{Store, StoreError};

/// The scope of keys that log in over XML-RPC.
const SCOPE: &str = "rpc";
/// Most keys that are looked at; a user of a bridge has one or two.
const KEYS_MAX: u32 = 100;

/// A key as Odoo lists it; an absent value is `false`, a field that the version lacks is not there.
#[derive(Debug, Deserialize)]
struct Key {
    #[serde(default)]
    scope: serde_json::Value,
    #[serde(default)]
    expiration_date: serde_json::Value,
}

/// The soonest moment at which an API key of this connection's user ends; none if none ends, or if that cannot be told:
/// before Odoo 18 keys have no end, and a user may be barred from reading them. Which key logs in, Odoo does not say.
/// One call, which reads only.
pub async fn key_expiry(connection: &Connection) -> Option<Timestamp> {
    let uid = match connection.odoo.uid() {
        Some(uid) => uid,
        None => connection.odoo.authenticate().await.ok()?,
    };
    // Without a list of fields: one that the version lacks would be a fault, and a traceback in its log. The key itself
    // is no field.
    let call = Call::new("res.users.apikeys", "search_read").arg("domain", json!([["user_id", "=", uid]])).arg("limit", json!(KEYS_MAX));
    // A refusal is an answer here, and not worth trying again.
    let keys: Vec<Key> = connection.odoo.call(&call).await.ok()?;
    soonest(&keys, Timestamp::now())
}

/// As [`key_expiry`], and writes it down.
///
/// # Errors
/// See [`StoreError`].
pub async fn look_at_key(connection: &Connection, store: &Store) -> Result<Option<Timestamp>, StoreError> {
    let ends = key_expiry(connection).await;
    connection.note_key_end(store, ends)?;
    Ok(ends)
}

fn soonest(keys: &[Key], now: Timestamp) -> Option<Timestamp> {
    let logs_in = |key: &&Key| key.scope.as_str().is_none_or(|scope| scope == SCOPE);
    let ends = keys.iter().filter(logs_in).filter_map(|key| parse_odoo_time(key.expiration_date.as_str()?));
    ends.filter(|ends| *ends > now).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soonest_end_to_come_of_keys_that_log_in() {
        let keys = json!([
            { "id": 1, "name": "past", "scope": "rpc", "expiration_date": "2026-11-01 00:00:00" },
            { "id": 2, "name": "for ever", "scope": "rpc", "expiration_date": false },
            { "id": 3, "name": "later", "scope": "rpc", "expiration_date": "2027-01-01 00:00:00" },
            { "id": 4, "name": "any scope", "scope": false, "expiration_date": "2026-12-24 12:00:00" },
            { "id": 5, "name": "a browser", "scope": "2fa", "expiration_date": "2026-12-01 00:00:00" },
        ]);
        let now = "2026-11-21T12:00:00Z".parse().expect("a time");
        let keys: Vec<Key> = serde_json::from_value(keys).expect("keys");
        assert_eq!(soonest(&keys, now).map(|at| at.to_string()).as_deref(), Some("2026-12-24T12:00:00Z"));
        let before_18: Vec<Key> = serde_json::from_value(json!([{ "id": 1, "name": "x", "scope": "rpc" }])).expect("keys");
        assert_eq!(soonest(&before_18, now), None);
    }

    #[tokio::test]
    async fn it_is_read_by_the_bridges_own_user() {
        use crate::demo::{Central, OdooServer};
        let server = OdooServer::start().await.expect("a free port");
        let central = server.central("central", &Central::default());
        let endpoint = crate::config::Endpoint {
            url: server.url(),
            database: "central".to_owned(),
            user: "bridge".to_owned(),
            timeout: std::time::Duration::from_secs(5),
            protocol: None,
            ca_file: None,
            allow_http: false,
        };
        let connection = |password: &str| {
            super::super::connection::client(
                crate::problem::Side::Central,
                &endpoint,
                password.to_owned().into(),
                crate::odoo::Known::default(),
            )
            .expect("a client")
        };
        assert_eq!(key_expiry(&connection("bridge")).await, None, "its key has no end");
        let bridge = central.find("res.users", "login", "bridge").expect("seeded").id;
        let admin = central.find("res.users", "login", "admin").expect("seeded").id;
        for (user, ends) in [(bridge, "2099-03-01 10:00:00"), (bridge, "2099-04-01 10:00:00"), (admin, "2099-01-01 10:00:00")] {
            let values = [("name", "x".into()), ("user_id", user.into()), ("scope", "rpc".into()), ("expiration_date", ends.into())];
            central.insert("res.users.apikeys", values).expect("inserted");
        }
        let ends = key_expiry(&connection("bridge")).await;
        assert_eq!(ends.map(|at| at.to_string()).as_deref(), Some("2099-03-01T10:00:00Z"));
        assert_eq!(key_expiry(&connection("wrong")).await, None);
    }
}
