-- Which record of a branch a record of central is, for sending. One record of central is one of the branch; the other
-- way several may be one (see binding).
CREATE TABLE sent (
    branch     TEXT    NOT NULL,
    kind       TEXT    NOT NULL,           -- 'product', 'tax', …
    central_id INTEGER NOT NULL,
    branch_id  INTEGER NOT NULL,
    baseline   TEXT    NOT NULL,           -- JSON: fingerprints of the branch's values after the last send, by field
    chosen     INTEGER NOT NULL,           -- 1 = by the settings or a person, 0 = it went along with another
    updated_at INTEGER NOT NULL,
    branch_made TEXT   NOT NULL,           -- when the branch's record was made there; '' = not known
    PRIMARY KEY (branch, kind, central_id)
) STRICT, WITHOUT ROWID;

-- In words, what was last done to a sent record: the message of its last attempt that ended well. Null for orders.
ALTER TABLE record ADD COLUMN note TEXT;

-- Counted by direction without looking at the rows.
DROP INDEX record_state;
CREATE INDEX record_state ON record (branch, state, direction, cause);
