//! Choosing by hand what is sent: by a text that is searched for at central.

use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::model::Kind;
use crate::odoo::Call;
use crate::sync::{Bridge, Halt};

/// Records that are offered of one search: more is no choice, and one more letter narrows it.
pub const OFFERED: usize = 30;

/// A record of central that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offer {
    /// Its id at central.
    pub id: i64,
    /// As Odoo shows it.
    pub name: String,
    /// What else tells it apart: reference, barcode, e-mail.
    pub about: String,
}

/// The domain of records whose name, reference or barcode contains a text.
pub fn searched(kind: Kind, text: &str) -> Json {
    match kind {
        Kind::Product => json!([
            "|",
            "|",
            ["name", "ilike", text],
            ["product_variant_ids.default_code", "ilike", text],
            ["product_variant_ids.barcode", "ilike", text]
        ]),
        Kind::Customer => json!(["|", "|", ["name", "ilike", text], ["ref", "ilike", text], ["email", "ilike", text]]),
        _ => json!([["name", "ilike", text]]),
    }
}

/// What tells two records of one name apart.
fn telling(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Product => &["default_code", "barcode"],
        Kind::Customer => &["ref", "email", "city"],
        Kind::Tax => &["amount"],
        _ => &[],
    }
}

/// Records of central of a kind whose name, reference or barcode contains a text, the first [`OFFERED`] by name; one
/// call.
///
/// # Errors
/// Central does not answer, or the user may not read them.
pub async fn offers(bridge: &Bridge, kind: Kind, text: &str) -> Result<Vec<Offer>, Halt> {
    let central = bridge.central()?;
    let fields: Vec<&str> = ["display_name"].iter().chain(telling(kind)).copied().collect();
    let mut domain = searched(kind, text);
    if let (Kind::Tax, Some(terms)) = (kind, domain.as_array_mut()) {
        terms.push(json!(["type_tax_use", "=", "sale"]));
    }
    let call = Call::search_read(kind.model(), domain, &fields).arg("limit", json!(OFFERED)).arg("order", json!("name, id"));
    let found: Vec<Json> = central.ask(&call).await?;
    central.remember(bridge)?;
    Ok(found.iter().filter_map(|record| offer(kind, record)).collect())
}

fn offer(kind: Kind, record: &Json) -> Option<Offer> {
    let about = telling(kind).iter().filter_map(|field| match &record[*field] {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    });
    let name = record["display_name"].as_str().unwrap_or_default().to_owned();
    Some(Offer { id: record["id"].as_i64()?, name, about: about.collect::<Vec<_>>().join(" · ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_says_what_tells_it_apart() {
        let record = json!({ "id": 7, "display_name": "[BAG] Bag", "default_code": "BAG", "barcode": false });
        assert_eq!(offer(Kind::Product, &record), Some(Offer { id: 7, name: "[BAG] Bag".to_owned(), about: "BAG".to_owned() }));
        assert_eq!(offer(Kind::Tax, &json!({ "display_name": "no id" })), None);
        assert_eq!(searched(Kind::Tax, "20"), json!([["name", "ilike", "20"]]));
    }
}
