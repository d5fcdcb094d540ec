//! The ledger as a file: how large it is, who changed it, and whether it is sound.

use super::{DATABASE, Store, StoreError};

impl Store {
    /// A number that is another one once another process, or another handle, has committed something; this handle's own
    /// commits leave it as it is. Reads no page of the ledger.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn touched(&self) -> Result<i64, StoreError> {
        self.read(|db| db.pragma_query_value(None, "data_version", |row| row.get(0)))
    }

    /// Bytes that the ledger takes on the disk: the database and its log of what is not yet in it. 0 for what is not there.
    pub fn bytes(&self) -> u64 {
        let size = |name: String| std::fs::metadata(self.directory().join(name)).map_or(0, |file| file.len());
        size(DATABASE.to_owned()) + size(format!("{DATABASE}-wal"))
    }
}

impl Store {
    /// Bytes of the database that hold something; the rest of the file is free and is used again.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn bytes_used(&self) -> Result<u64, StoreError> {
        self.read(|db| {
            let number = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
            // A damaged file can say that more of it is free than there is.
            Ok(number("page_count")?.saturating_sub(number("freelist_count")?) * number("page_size")?)
        })
    }

    /// Reads the whole ledger and makes sure that it is sound: what SQLite can tell of its pages, and that every order that
    /// waits still has what was received of it. Takes some seconds for a gigabyte.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the first thing found.
    pub fn check_sound(&self) -> Result<(), StoreError> {
        let wrong = self.read(|db| {
            let wrong: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if wrong != "ok" {
                return Ok(Some(wrong));
            }
            let waiting = "SELECT min(id) FROM record INDEXED BY record_waiting LEFT JOIN content ON content.record_id = id
                 WHERE state IN ('pending', 'held', 'failed') AND direction = 'receive' AND (has_content = 0 OR content.record_id IS NULL)";
            let hollow: Option<i64> = db.query_row(waiting, [], |row| row.get(0))?;
            Ok(hollow.map(|record| format!("record {record} waits, and what was received of it is missing")))
        })?;
        match wrong {
            None => Ok(()),
            Some(wrong) => Err(StoreError::Damaged {
                path: self.directory().join(DATABASE),
                reason: crate::problem::clean(wrong.trim_start_matches("*** in database main ***").trim(), 200),
            }),
        }
    }
}
