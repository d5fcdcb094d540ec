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
    pub amount_total: Amount,
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
