//! What the branches sold, by day: counted from the orders that were received, and read for the pages.
//!
//! A trigger notes each order whose content came or changed (`uncounted`); the day of such an order is counted anew from all
//! that is kept of it, in one transaction with taking the notes away. So a crash leaves a note too many, never one too few.
//!
//! - Sold at the till is sold: an order counts whatever became of its draft, ignored ones too.
//! - One that the branch itself no longer has, or no longer as paid, is no sale (`gone`).
//! - The newest content that was seen counts. The day is that of the record, so that it does not move from under its sum.
//! - A day of which some content is forgotten is left as it was counted. One that never was, is counted as far as the records
//!   still tell: orders, amounts and hours of all, the rest of those whose content is there.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::content::text;
use super::{SessionRow, Store, StoreError, json_text};
use crate::model::{Amount, BranchCode, PosOrder};
use crate::sales::{Count, MOST_PRODUCTS, Report, Sold, Totals};

/// Notes that are looked at to find the next days to count: the orders of one pass over a hundred branches.
const NOTES: usize = 2_000;

/// Longest span that is read: as long as days are kept, by default.
pub const LONGEST_SPAN: i64 = 400;

/// Named branches up to which each is looked up by itself: beyond that it is faster to walk the index of days.
const FEW_BRANCHES: usize = 20;

/// Orders of one branch and day that are looked at for [`Store::sold_today`]: no branch sells more, and a damaged clock must
/// not hold up the page.
const MOST_OF_TODAY: usize = 10_000;

/// What a call of [`Store::count_sales`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Days of branches that were looked at.
    pub days: usize,
    /// There is more to count: call again.
    pub more: bool,
}

/// What a branch sold in a day, in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesRow {
    /// Branch code.
    pub branch: String,
    /// In the branch's zone.
    pub day: Date,
    /// Of the amounts.
    pub currency: String,
    /// Orders and refunds.
    pub totals: Totals,
}

/// What branches sold in some days in one currency, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SalesDetail {
    /// Of the days that were read.
    pub totals: Totals,
    /// By hour, payment method and product, of all branches; by cashier below.
    pub report: Report,
    /// By branch and cashier: people of one name at two branches are two people.
    pub cashiers: BTreeMap<(String, String), crate::sales::Share>,
}

/// What a branch sold today.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SoldToday {
    /// Branch code.
    pub branch: String,
    /// Today, in the branch's zone.
    pub day: Date,
    /// At the till, as last counted: orders and amount by currency.
    pub here: BTreeMap<String, (u64, Amount)>,
    /// Of today's orders, those whose drafts central has, proved to the cent.
    pub central: BTreeMap<String, (u64, Amount)>,
}

impl Store {
    /// Counts some days of branches anew whose orders came or changed: the newest first, one transaction each. Nothing is
    /// written when there is nothing to count. `zones` by branch code; a branch that is in no settings any more has UTC.
    ///
    /// # Errors
    /// See [`StoreError`]; the day at which it stopped is as it was.
    pub fn count_sales(&self, zones: &HashMap<String, TimeZone>, at_once: usize) -> Result<Counted, StoreError> {
        let (days, without_day, more) = self.read(|db| next_days(db, zones, at_once))?;
        if !without_day.is_empty() {
            self.write(|db| forget_notes(db, &without_day))?;
        }
        for ((branch, day), notes) in &days {
            self.write(|db| {
                count_day(db, branch, *day, zone(zones, branch))?;
                // Also those that the day's bounds do not hold, by a time written in another way: else they stay for ever.
                forget_notes(db, notes)
            })?;
        }
        Ok(Counted { days: days.len(), more })
    }

    /// What branches sold from one day to another, both included, by branch and day; of all branches or of these. At most
    /// [`LONGEST_SPAN`] days: of a longer span, the last ones.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn sales(&self, branches: Option<&[BranchCode]>, from: Date, to: Date) -> Result<Vec<SalesRow>, StoreError> {
        let from = within_span(from, to);
        let mut rows = self.read(|db| match branches {
            Some(few) if few.len() <= FEW_BRANCHES => {
                let mut rows = Vec::new();
                let mut query = db.prepare_cached(OF_BRANCH)?;
                for branch in few {
                    let found = query.query_map(params![branch.as_str(), from.to_string(), to.to_string()], sales_row)?;
                    rows.extend(found.collect::<rusqlite::Result<Vec<_>>>()?);
                }
                Ok(rows)
            }
            _ => {
                let wanted: Option<HashSet<&str>> = branches.map(|branches| branches.iter().map(BranchCode::as_str).collect());
                let mut query = db.prepare_cached(OF_DAYS)?;
                let found = query.query_map([from.to_string(), to.to_string()], sales_row)?;
                let all = found.filter(|row| match (row, &wanted) {
                    (Ok(row), Some(wanted)) => wanted.contains(row.branch.as_str()),
                    _ => true,
                });
                all.collect()
            }
        })?;
        rows.sort_by(|a, b| (&a.branch, a.day, &a.currency).cmp(&(&b.branch, b.day, &b.currency)));
        Ok(rows)
    }

    /// The same taken apart by hour, cashier, payment method and product, by currency, with so many products at most; `None`
    /// if that would be more than so many days of branches, since each has to be read by itself.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn sales_in_detail(
        &self,
        rows: &[SalesRow],
        most_products: usize,
        at_most: usize,
    ) -> Result<Option<BTreeMap<String, SalesDetail>>, StoreError> {
        if rows.len() > at_most {
            return Ok(None);
        }
        let mut sums: BTreeMap<String, (Count, SalesDetail)> = BTreeMap::new();
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT report FROM sales WHERE branch = ?1 AND day = ?2 AND currency = ?3")?;
            for row in rows {
                let mut found = query.query(params![row.branch, row.day.to_string(), row.currency])?;
                // Counted anew in between, or forgotten: then it is missing, and the next look has it.
                let Some(found) = found.next()? else { continue };
                let Some(report) = found.get_ref(0)?.as_str().ok().and_then(|text| serde_json::from_str::<Report>(text).ok()) else {
                    continue;
                };
                let (count, detail) = sums.entry(row.currency.clone()).or_default();
                count.report(&row.totals, &report);
                for (cashier, share) in report.cashiers {
                    let sum = detail.cashiers.entry((row.branch.clone(), cashier)).or_default();
                    sum.count = sum.count.saturating_add(share.count);
                    sum.amount = sum.amount.saturating_add(share.amount);
                }
            }
            Ok(())
        })?;
        let done = sums.into_iter().map(|(currency, (count, mut detail))| {
            (detail.totals, detail.report) = count.done(most_products);
            (currency, detail)
        });
        Ok(Some(done.collect()))
    }

    /// Sessions that began from one day to another, both included, the newest first: of all branches or, branch by branch, of
    /// these; so many at most.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn sessions_begun(
        &self,
        branches: Option<&[BranchCode]>,
        from: Date,
        to: Date,
        at_most: usize,
    ) -> Result<Vec<(String, SessionRow)>, StoreError> {
        let (from, to) = (within_span(from, to).to_string(), to.to_string());
        self.read(|db| {
            let Some(branches) = branches else {
                return db.prepare_cached(ALL_SESSIONS)?.query_map(params![from, to, at_most as i64], session_row)?.collect();
            };
            let (mut found, mut query) = (Vec::new(), db.prepare_cached(SESSIONS_OF)?);
            for branch in branches {
                let room = at_most.saturating_sub(found.len()) as i64;
                let rows = query.query_map(params![from, to, room, branch.as_str()], session_row)?;
                found.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
            }
            Ok(found)
        })
    }

    /// How many orders wait to be counted, as far as somebody wants to know.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn uncounted(&self) -> Result<usize, StoreError> {
        self.read(|db| db.prepare_cached("SELECT count(*) FROM (SELECT 1 FROM uncounted LIMIT 100000)")?.query_row([], |row| row.get(0)))
    }

    /// What these branches sold today, each in its zone, and what of it central has.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn sold_today(&self, branches: &[(BranchCode, TimeZone)], now: Timestamp) -> Result<Vec<SoldToday>, StoreError> {
        self.read(|db| {
            let mut here = db.prepare_cached(OF_BRANCH)?;
            let mut central = db.prepare_cached(AT_CENTRAL)?;
            let mut found = Vec::with_capacity(branches.len());
            for (branch, zone) in branches {
                let day = zone.to_datetime(now).date();
                let mut today = SoldToday { branch: branch.to_string(), day, ..SoldToday::default() };
                let text = day.to_string();
                for row in here.query_map(params![branch.as_str(), text, text], sales_row)? {
                    let row = row?;
                    today.here.insert(row.currency, (row.totals.orders, row.totals.amount));
                }
                let (from, to) = bounds(day, zone);
                let mut rows = central.query(params![branch.as_str(), from, to, MOST_OF_TODAY as i64])?;
                while let Some(row) = rows.next()? {
                    let amount = decimal(row.get_ref(1)?);
                    let currency = row.get_ref(0)?.as_str().unwrap_or_default();
                    if !today.central.contains_key(currency) {
                        today.central.insert(currency.to_owned(), (0, Amount::ZERO));
                    }
                    let Some((orders, sum)) = today.central.get_mut(currency) else { continue };
                    *orders += 1;
                    *sum = sum.saturating_add(amount);
                }
                found.push(today);
            }
            Ok(found)
        })
    }
}

/// By the primary key.
const OF_BRANCH: &str = "SELECT branch, day, currency, orders, amount, refunds, refunded FROM sales
     WHERE branch = ?1 AND day >= ?2 AND day <= ?3";

/// From the index alone, without touching the reports.
const OF_DAYS: &str = "SELECT branch, day, currency, orders, amount, refunds, refunded FROM sales INDEXED BY sales_day
     WHERE day >= ?1 AND day <= ?2";

const AT_CENTRAL: &str = "SELECT currency, amount_total FROM record INDEXED BY record_day
     WHERE branch = ?1 AND direction = 'receive' AND date_order >= ?2 AND date_order < ?3 AND state = 'done' AND kind = 'order' LIMIT ?4";

const ALL_SESSIONS: &str = "SELECT branch, session_id, day, report FROM session INDEXED BY session_age
     WHERE day >= ?1 AND day <= ?2 ORDER BY day DESC LIMIT ?3";

const SESSIONS_OF: &str = "SELECT branch, session_id, day, report FROM session INDEXED BY session_day
     WHERE day >= ?1 AND day <= ?2 AND branch = ?4 ORDER BY day DESC LIMIT ?3";

/// The next notes with where they belong: newest first, so that today is there soon after an update of an old ledger.
const NEXT: &str = "SELECT record.id, record.branch, record.date_order FROM uncounted JOIN record ON record.id = uncounted.record_id
     ORDER BY uncounted.record_id DESC LIMIT ?1";

/// The orders of a day with their content. Not by `has_content`: it says less than the content itself.
const OF_DAY: &str = "SELECT record.date_order, record.currency, record.amount_total, content.payload, content.changed
     FROM record INDEXED BY record_day
     LEFT JOIN content ON content.record_id = record.id
     LEFT JOIN gone ON gone.record_id = record.id
     WHERE record.branch = ?1 AND record.direction = 'receive' AND record.date_order >= ?2 AND record.date_order < ?3
         AND record.kind = 'order' AND gone.at_branch IS NULL";

/// Days to count, each with its notes; notes of orders that have no day; and whether there are more.
type NextDays = (BTreeMap<(String, Date), Vec<i64>>, Vec<i64>, bool);

fn next_days(db: &Connection, zones: &HashMap<String, TimeZone>, at_once: usize) -> rusqlite::Result<NextDays> {
    let (mut days, mut without_day, mut more) = (BTreeMap::<(String, Date), Vec<i64>>::new(), Vec::new(), false);
    let mut query = db.prepare_cached(NEXT)?;
    let mut rows = query.query([NOTES as i64])?;
    let mut seen = 0;
    while let Some(row) = rows.next()? {
        seen += 1;
        let (note, branch): (i64, String) = (row.get(0)?, row.get(1)?);
        let Some(at) = local(row.get_ref(2)?, zone(zones, &branch)) else {
            without_day.push(note);
            continue;
        };
        let (next, room) = ((branch, at.date()), days.len() < at_once);
        match days.get_mut(&next) {
            Some(notes) => notes.push(note),
            None if room => drop(days.insert(next, vec![note])),
            None => more = true,
        }
    }
    Ok((days, without_day, more || seen == NOTES))
}

fn count_day(db: &Connection, branch: &str, day: Date, zone: &TimeZone) -> rusqlite::Result<()> {
    let (from, to) = bounds(day, zone);
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut forgotten = false;
    let mut query = db.prepare_cached(OF_DAY)?;
    let mut rows = query.query(params![branch, from, to])?;
    while let Some(row) = rows.next()? {
        let hour = local(row.get_ref(0)?, zone).map_or(0, DateTime::hour);
        let order = newest(row.get_ref(4)?).or(newest(row.get_ref(3)?));
        forgotten |= order.is_none();
        let (currency, amount) = match &order {
            Some(order) => (order.currency_id.as_ref().map_or("", |currency| currency.name.as_str()), order.amount_total),
            None => (row.get_ref(1)?.as_str().unwrap_or_default(), decimal(row.get_ref(2)?)),
        };
        let sold = Sold { hour, currency, amount, order: order.as_ref() };
        counts.entry(currency.to_owned()).or_default().order(&sold);
    }
    let day_text = day.to_string();
    let counted = db.prepare_cached("SELECT 1 FROM sales WHERE branch = ?1 AND day = ?2")?.exists(params![branch, day_text])?;
    if !(forgotten && counted) {
        db.prepare_cached("DELETE FROM sales WHERE branch = ?1 AND day = ?2")?.execute(params![branch, day_text])?;
        for (currency, count) in counts {
            let (totals, report) = count.done(MOST_PRODUCTS);
            db.prepare_cached(
                "INSERT INTO sales (branch, day, currency, orders, amount, refunds, refunded, report) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                branch,
                day_text,
                currency,
                totals.orders as i64,
                totals.amount.to_string(),
                totals.refunds as i64,
                totals.refunded.to_string(),
                json_text(&report),
            ])?;
        }
    }
    db.prepare_cached(
        "DELETE FROM uncounted WHERE record_id IN (SELECT id FROM record INDEXED BY record_day
             WHERE branch = ?1 AND direction = 'receive' AND date_order >= ?2 AND date_order < ?3)",
    )?
    .execute(params![branch, from, to])?;
    Ok(())
}

fn forget_notes(db: &Connection, notes: &[i64]) -> rusqlite::Result<()> {
    let mut query = db.prepare_cached("DELETE FROM uncounted WHERE record_id = ?1")?;
    notes.iter().try_for_each(|note| query.execute([note]).map(drop))
}

fn zone<'z>(zones: &'z HashMap<String, TimeZone>, branch: &str) -> &'z TimeZone {
    const UTC: &TimeZone = &TimeZone::UTC;
    zones.get(branch).unwrap_or(UTC)
}

/// First moment of a day in a zone and the first one after it, as Odoo writes times.
fn bounds(day: Date, zone: &TimeZone) -> (String, String) {
    let midnight = |day: Date| {
        let at = day.to_zoned(zone.clone()).map_or(Timestamp::MAX, |midnight| midnight.timestamp());
        at.strftime("%Y-%m-%d %H:%M:%S").to_string()
    };
    (midnight(day), midnight(day.saturating_add(1.day())))
}

/// A time of Odoo's on the clock of a zone.
fn local(utc: ValueRef<'_>, zone: &TimeZone) -> Option<DateTime> {
    let at: DateTime = utc.as_str().ok()?.parse().ok()?;
    Some(zone.to_datetime(at.to_zoned(TimeZone::UTC).ok()?.timestamp()))
}

fn newest(content: ValueRef<'_>) -> Option<PosOrder> {
    text(content).and_then(|text| serde_json::from_str(&text).ok())
}

fn decimal(text: ValueRef<'_>) -> Amount {
    text.as_str().ok().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn within_span(from: Date, to: Date) -> Date {
    from.max(to.saturating_sub((LONGEST_SPAN - 1).days()))
}

fn session_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<(String, SessionRow)> {
    let day = row.get_ref(2)?.as_str().ok().and_then(|day| day.parse().ok()).unwrap_or(Date::MIN);
    Ok((row.get(0)?, SessionRow { id: row.get(1)?, day, report: row.get(3)? }))
}

fn sales_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<SalesRow> {
    Ok(SalesRow {
        branch: row.get(0)?,
        day: row.get_ref(1)?.as_str().ok().and_then(|day| day.parse().ok()).unwrap_or(Date::MIN),
        currency: row.get(2)?,
        totals: Totals {
            orders: row.get::<_, i64>(3)?.unsigned_abs(),
            amount: decimal(row.get_ref(4)?),
            refunds: row.get::<_, i64>(5)?.unsigned_abs(),
            refunded: decimal(row.get_ref(6)?),
        },
    })
}

#[cfg(test)]
mod tests;
