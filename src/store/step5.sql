-- How far a branch was read beside its cursor, all written together: a ledger that is put back goes back in all of it.
-- Null = not known: all is asked for once more.
ALTER TABLE endpoint ADD COLUMN whole_cursor TEXT; -- branch: its cursor after the last pass that looked at all ids, not at the newest alone
ALTER TABLE endpoint ADD COLUMN asked TEXT;        -- branch: what the settings asked for when the cursor was written

-- 1 = the database at this address was seen to be the one that is meant, or a person said so. Another address is looked at again.
ALTER TABLE endpoint ADD COLUMN recognized INTEGER NOT NULL DEFAULT 0;

-- What is wrong with a whole branch until a person says otherwise: one thing of each cause.
CREATE TABLE notice (
    branch  TEXT NOT NULL,
    cause   TEXT NOT NULL,                 -- stable short name of the problem
    problem TEXT NOT NULL,                 -- JSON
    PRIMARY KEY (branch, cause)
) STRICT, WITHOUT ROWID;
INSERT INTO notice SELECT owner, json_extract(problem, '$.cause'), problem FROM endpoint WHERE json_extract(problem, '$.cause') IS NOT NULL;
ALTER TABLE endpoint DROP COLUMN problem;
