//! What the sessions of a branch came to, as `posbridge reconcile` prints them.

use crate::cli::{Failure, print};
use crate::mapping::money;
use crate::model::Amount;
use crate::problem::clean;
use crate::sync::sessions::SessionProof;

/// Prints the sessions of a branch below its days: sales and payments, the cash drawer, then what does not fit, in words.
pub fn sessions(branch: &str, sessions: &[SessionProof]) -> Result<(), Failure> {
    if sessions.is_empty() {
        return Ok(());
    }
    print::line("")?;
    print::line(&format!("Sessions of {}", clean(branch, 40)))?;
    let mut sales = print::table(&["SESSION", "FROM (UTC)", "TO (UTC)", "ORDERS", "TOTAL", "PAID BY"]);
    for session in sessions {
        sales.add_row([
            print::cell(&session.name),
            print::cell(&minute(session.start_at.as_deref())),
            print::cell(&ended(session)),
            print::count(session.orders),
            print::cell(format!("{} {}", money(session.orders_total), session.currency).trim()),
            print::cell(&paid_by(session)),
        ]);
    }
    print::show(&sales)?;
    print::line("")?;
    let mut cash = print::table(&["CASH", "OPENED WITH", "PUT IN OR TAKEN OUT", "EXPECTED", "COUNTED", "DIFFERENCE"]);
    for session in sessions {
        let known = |amount: Option<Amount>| print::cell(&amount.map_or_else(|| "-".to_owned(), money));
        cash.add_row([
            print::cell(&session.name),
            print::cell(&money(session.opening)),
            known(session.cash_moves),
            known(session.expected),
            known(session.closing),
            known(session.difference),
        ]);
    }
    print::show(&cash)?;
    let told: Vec<String> = sessions.iter().flat_map(told).collect();
    if !told.is_empty() {
        print::line("")?;
        told.iter().try_for_each(|text| print::paragraph(0, text))?;
    }
    Ok(())
}

/// Each thing that is said of a session, beginning with its name.
fn told(session: &SessionProof) -> Vec<String> {
    let gaps = session.gaps.iter().map(|gap| gap.told());
    let cancelled = (!session.cancelled.is_empty()).then(|| cancelled(&session.cancelled));
    let all = session.findings.iter().cloned().chain(gaps).chain(cancelled);
    all.map(|text| format!("{}: {}", clean(&session.name, 80), clean(&text, 600))).collect()
}

/// Numbers of cancelled orders that are named; more are counted.
const NAMED: usize = 5;

fn cancelled(receipts: &[String]) -> String {
    let named = receipts.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = receipts.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    match receipts.len() {
        1 => format!("Receipt {named} was cancelled at the till; its number is not missing."),
        _ => format!("Receipts {named}{more} were cancelled at the till; their numbers are not missing."),
    }
}

fn minute(at: Option<&str>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.chars().take(16).collect())
}

fn ended(session: &SessionProof) -> String {
    match (session.state.as_str(), &session.stop_at) {
        ("closed", Some(at)) => minute(Some(at)),
        ("closing_control", _) => "being closed".to_owned(),
        _ => "still open".to_owned(),
    }
}

fn paid_by(session: &SessionProof) -> String {
    let parts: Vec<String> = session.payments.iter().map(|(method, amount)| format!("{method} {}", money(*amount))).collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
}
