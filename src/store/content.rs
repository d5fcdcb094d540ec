//! What a branch gave of an order, as it is kept: squeezed to a quarter, since it is most of what a ledger holds.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::json_text;
use crate::model::{Model as _, Partner, PosOrder};

/// Longest content read back, in bytes: an order is some kilobytes, and a damaged one must not fill the memory.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Keeps what is received of an order, in the place of what was kept before.
pub(super) fn keep_content(db: &Connection, record: i64, order: &PosOrder) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO content (record_id, partner_id, payload) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET partner_id = excluded.partner_id, payload = excluded.payload, changed = NULL",
    )?
    .execute(params![record, order.partner_id.as_ref().map(|partner| partner.id.get()), squeezed(order)])?;
    Ok(())
}

/// Keeps newer content of an order beside that which was written; nothing, if that is forgotten.
pub(super) fn keep_newer_content(db: &Connection, record: i64, order: &PosOrder) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE content SET changed = ?2 WHERE record_id = ?1")?.execute(params![record, squeezed(order)])?;
    Ok(())
}

/// Forgets what was received of an order, and its customer if no other order of the branch whose content is kept names
/// him: he is read again when he comes back.
pub(super) fn forget_content(db: &Connection, record: i64) -> rusqlite::Result<()> {
    let mut query = db.prepare_cached("DELETE FROM content WHERE record_id = ?1 RETURNING partner_id")?;
    let partner: Option<i64> = query.query_row([record], |row| row.get(0)).optional()?.flatten();
    // Nobody looks for it, so nothing else of the record changes.
    db.prepare_cached("UPDATE record SET has_content = 0 WHERE id = ?1")?.execute([record])?;
    let Some(partner) = partner else { return Ok(()) };
    db.prepare_cached(
        "DELETE FROM branch_record WHERE model = ?1 AND branch_id = ?2 AND branch = (SELECT branch FROM record WHERE id = ?3)
             AND NOT EXISTS (SELECT 1 FROM content JOIN record ON record.id = record_id
                             WHERE partner_id = ?2 AND partner_id IS NOT NULL AND record.branch = branch_record.branch)",
    )?
    .execute(params![Partner::NAME, partner, record])?;
    Ok(())
}

/// What was received of an order, as JSON; `None` once it is forgotten.
pub(super) fn content(db: &Connection, record: i64) -> rusqlite::Result<Option<String>> {
    let mut query = db.prepare_cached("SELECT payload FROM content WHERE record_id = ?1")?;
    Ok(query.query_row([record], |row| Ok(text(row.get_ref(0)?))).optional()?.flatten())
}

/// What was received of an order; `None` once it is forgotten.
pub(super) fn kept_order(db: &Connection, record: i64) -> rusqlite::Result<Option<PosOrder>> {
    Ok(content(db, record)?.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Newer content of an order that was seen after it was written; `None` = none, or forgotten.
pub(super) fn newer_order(db: &Connection, record: i64) -> rusqlite::Result<Option<PosOrder>> {
    let mut query = db.prepare_cached("SELECT changed FROM content WHERE record_id = ?1")?;
    let newer = query.query_row([record], |row| Ok(text(row.get_ref(0)?))).optional()?.flatten();
    Ok(newer.and_then(|text| serde_json::from_str(&text).ok()))
}

/// The JSON in a column: as text, as it was kept once, or squeezed.
pub(super) fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Text(text) => String::from_utf8(text.to_vec()).ok(),
        ValueRef::Blob(squeezed) => {
            let mut text = String::new();
            ZlibDecoder::new(squeezed).take(LONGEST).read_to_string(&mut text).is_ok().then_some(text)
        }
        _ => None,
    }
}

fn squeezed(order: &PosOrder) -> ToSqlOutput<'static> {
    let text = json_text(order);
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(text.len() / 3), Compression::default());
    // Into memory it cannot fail; were it to, the text itself is as good.
    match encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()) {
        Ok(bytes) => ToSqlOutput::Owned(bytes.into()),
        Err(_) => ToSqlOutput::Owned(text.into()),
    }
}
