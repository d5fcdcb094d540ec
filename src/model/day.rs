//! Orders as counting a day needs them: of the branch, and of central.

use serde::Deserialize;

use super::{Amount, BranchId, BranchRef, CentralId, Currency, PosOrderModel, SaleOrderModel, Session, reference, witness};

/// A paid order of a branch, without what was sold in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SoldOrder {
    /// Database id.
    pub id: BranchId<PosOrderModel>,
    /// Made by the till. Absent before Odoo 18.
    #[serde(default)]
    pub uuid: Option<String>,
    /// `/` is possible.
    #[serde(default)]
    pub name: Option<String>,
    /// Receipt reference.
    #[serde(default)]
    pub pos_reference: Option<String>,
    /// UTC, the till's clock.
    pub date_order: String,
    /// UTC: when it reached the branch's server.
    pub create_date: String,
    /// UTC.
    pub write_date: String,
    /// `paid`, `done`, `invoiced`; of an order that was looked for by its id also `draft` and `cancel`.
    pub state: String,
    /// Its session.
    #[serde(default)]
    pub session_id: Option<BranchRef<Session>>,
    /// The currency of the total.
    #[serde(default)]
    pub currency_id: Option<BranchRef<Currency>>,
    /// With taxes.
    #[serde(deserialize_with = "dusted")]
    pub amount_total: Amount,
}

fn dusted<'de, D: serde::Deserializer<'de>>(decoder: D) -> Result<Amount, D::Error> {
    <Amount as Deserialize>::deserialize(decoder).map(super::dusted)
}

impl SoldOrder {
    /// As [`super::PosOrder::reference`].
    pub fn reference(&self) -> String {
        reference(self.id.get(), self.pos_reference.as_deref(), self.name.as_deref())
    }

    /// As [`super::PosOrder::witness`].
    pub fn witness(&self) -> String {
        let session = self.session_id.as_ref().map_or("", |session| &session.name);
        witness(self.uuid.as_deref(), self.pos_reference.as_deref(), &self.date_order, session)
    }

    /// The currency's name; empty if the branch tells none.
    pub fn currency(&self) -> &str {
        self.currency_id.as_ref().map_or("", |currency| &currency.name)
    }
}

/// A sales order at central that bears a branch's mark.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CentralOrder {
    /// Database id.
    pub id: CentralId<SaleOrderModel>,
    /// `S00042`.
    pub name: String,
    /// `draft`, `sent`, `sale`, `cancel`.
    pub state: String,
    /// `<branch>/<receipt reference>`, unless somebody changed it.
    #[serde(default)]
    pub client_order_ref: Option<String>,
    /// UTC; Odoo moves it when the order is confirmed.
    pub date_order: String,
    /// With taxes.
    pub amount_total: Amount,
    /// The currency of the total.
    #[serde(default)]
    pub currency_id: Option<(i64, String)>,
    /// Who made it.
    #[serde(default)]
    pub create_uid: Option<(i64, String)>,
    /// Who wrote it last.
    #[serde(default)]
    pub write_uid: Option<(i64, String)>,
    /// UTC.
    pub create_date: String,
    /// UTC.
    pub write_date: String,
}

impl CentralOrder {
    /// The currency's name; empty if central tells none.
    pub fn currency(&self) -> &str {
        self.currency_id.as_ref().map_or("", |(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{BranchRef, PosOrder, same_money};

    #[test]
    fn a_sold_order_is_known_by_what_the_received_one_is_known_by() {
        let mut order = json!({
            "id": 7, "name": "Shop - 000007", "pos_reference": "2601-1-000007", "date_order": "2026-11-20 10:00:00",
            "create_date": "2026-11-20 10:00:00", "write_date": "2026-11-20 10:00:00", "state": "paid", "company_id": [1, "Tirana"], "session_id": [3, "POS/00003"],
            "currency_id": [1, "EUR"], "amount_total": "13.50", "amount_tax": "2.25", "amount_paid": "13.50", "lines": [], "payment_ids": []
        });
        for uuid in [json!("0f3c-aa"), json!(null)] {
            order["uuid"] = uuid;
            let received: PosOrder = serde_json::from_value(order.clone()).unwrap();
            let sold: SoldOrder = serde_json::from_value(order.clone()).unwrap();
            assert_eq!((sold.reference(), sold.witness()), (received.reference(), received.witness()));
            assert_eq!((sold.reference().as_str(), sold.currency()), ("2601-1-000007", "EUR"));
        }
    }

    #[test]
    fn a_currency_that_is_not_told_is_empty() {
        let mut order = json!({
            "id": 9, "name": "S00042", "state": "draft", "date_order": "2026-11-20 10:00:00", "amount_total": "13.50",
            "create_date": "2026-11-20 10:00:00", "write_date": "2026-11-20 10:00:00"
        });
        let untold: CentralOrder = serde_json::from_value(order.clone()).unwrap();
        order["currency_id"] = json!([1, "EUR"]);
        let told: CentralOrder = serde_json::from_value(order).unwrap();
        assert_eq!((untold.currency(), told.currency()), ("", "EUR"));
    }

    #[test]
    fn a_reference_keeps_its_number_and_its_name() {
        let named: BranchRef<PosOrder> = (7, "Shop - 000007".to_owned()).into();
        assert_eq!(<(i64, String)>::from(named), (7, "Shop - 000007".to_owned()));
    }

    #[test]
    fn a_millionth_is_a_difference_of_money() {
        let million = |millionths: i64| Amount::new(millionths, 6);
        assert!(!same_money(million(1), million(0)) && !same_money(million(0), million(1)));
        assert!(same_money(Amount::new(9, 7), Amount::ZERO));
        assert!(!same_money(Amount::MAX, Amount::MIN) && same_money(Amount::MAX, Amount::MAX));
    }
}
