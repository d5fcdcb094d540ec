-- The ledger of posbridge. Times are whole seconds since 1970 (UTC) in columns named *_at; Odoo's own times stay
-- as its text in UTC. Amounts are decimal text, exact.

-- One row for each record that crosses the bridge: today every POS order that was received.
CREATE TABLE record (
    id           INTEGER PRIMARY KEY,      -- the number that people type: posbridge log show 42
    branch       TEXT    NOT NULL,         -- branch code
    direction    TEXT    NOT NULL CHECK (direction IN ('receive', 'send')),
    kind         TEXT    NOT NULL,         -- 'order'
    remote_id    INTEGER NOT NULL,         -- its id at the branch
    witness      TEXT    NOT NULL,         -- tells two records with one id apart, e.g. the till's uuid
    reference    TEXT    NOT NULL,         -- what people call it, e.g. the receipt reference
    state        TEXT    NOT NULL CHECK (state IN ('pending', 'held', 'done', 'failed', 'ignored')),
    -- 1 from before a call that may write it is sent until its answer is recorded: after a crash or a lost answer
    -- nobody knows whether central has it, and the same call is repeated.
    unknown      INTEGER NOT NULL DEFAULT 0,
    problems     TEXT,                     -- JSON list of what stands in its way; null = nothing
    cause        TEXT,                     -- stable short name of the first problem
    waits_for    TEXT,                     -- cause and subject: rows with one value wait for one fix
    attempts     INTEGER NOT NULL DEFAULT 0,
    due_at       INTEGER,                  -- when it is tried next by itself; null = not by itself
    write_date   TEXT    NOT NULL,         -- the branch's, as last seen
    content_hash TEXT    NOT NULL,         -- of the newest content seen
    payload      TEXT    NOT NULL,         -- JSON as received; what the draft is made from
    changed      TEXT,                     -- JSON of newer content, seen after the draft was written
    rows         INTEGER NOT NULL,         -- lines of the draft, for the size of batches
    date_order   TEXT    NOT NULL,
    amount_total TEXT    NOT NULL,
    amount_tax   TEXT    NOT NULL,
    currency     TEXT    NOT NULL,
    central_id   INTEGER,                  -- the draft
    central_name TEXT,
    adjusted     TEXT,                     -- the adjustment line's amount, if one was needed
    reason       TEXT,                     -- why a person ignored it
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    UNIQUE (branch, direction, kind, remote_id, witness)
) STRICT;
CREATE INDEX record_due ON record (branch, id) WHERE state = 'pending';
CREATE INDEX record_state ON record (branch, state, cause);
CREATE INDEX record_waiting ON record (state, waits_for) WHERE state IN ('pending', 'held', 'failed');
CREATE INDEX record_window ON record (branch, write_date);
CREATE INDEX record_witness ON record (witness);

-- One row for each try, never changed. Together they are the story of a record.
CREATE TABLE attempt (
    id          INTEGER PRIMARY KEY,
    record_id   INTEGER NOT NULL REFERENCES record (id),
    at          INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    outcome     TEXT    NOT NULL,          -- 'done', 'failed', 'again' (tried again by itself), 'ignored', 'retry' (asked by a person)
    cause       TEXT,
    message     TEXT    NOT NULL           -- in plain words
) STRICT;
CREATE INDEX attempt_record ON attempt (record_id);

-- One row for central and one for each branch: what was learnt about it.
CREATE TABLE endpoint (
    owner     TEXT PRIMARY KEY,            -- 'central' or a branch code
    url       TEXT NOT NULL,
    database  TEXT NOT NULL,
    login     TEXT NOT NULL,
    uid       INTEGER,                     -- of the last log-in: each log-in writes a row at that Odoo
    fields    TEXT,                        -- JSON: the fields it has of those we want
    cursor    TEXT,                        -- branch: its own clock at the start of the last pass that found something
    problem   TEXT                         -- JSON: what is wrong with the whole branch until a person says otherwise
) STRICT;

-- A branch's record that orders name, as far as matching needs it. Kept so that a retry needs no branch.
CREATE TABLE branch_record (
    branch    TEXT    NOT NULL,
    model     TEXT    NOT NULL,
    branch_id INTEGER NOT NULL,
    data      TEXT    NOT NULL,            -- JSON
    stale     INTEGER NOT NULL DEFAULT 0,  -- 1 = read it again before the next match
    PRIMARY KEY (branch, model, branch_id)
) STRICT, WITHOUT ROWID;

-- Which record of central a branch's record is.
CREATE TABLE binding (
    branch     TEXT    NOT NULL,
    model      TEXT    NOT NULL,
    branch_id  INTEGER NOT NULL,
    central_id INTEGER NOT NULL,
    source     TEXT    NOT NULL CHECK (source IN ('match', 'person')), -- a match can be found anew, a person's choice cannot
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (branch, model, branch_id)
) STRICT, WITHOUT ROWID;

-- Sealed passwords. The seal is bound to owner, field, URL and user.
CREATE TABLE secret (
    owner      TEXT    NOT NULL,
    field      TEXT    NOT NULL,
    sealed     TEXT    NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (owner, field)
) STRICT, WITHOUT ROWID;
