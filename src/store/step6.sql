-- People who may look at the dashboard, and what each may do there.
CREATE TABLE person (
    id           INTEGER PRIMARY KEY,
    login        TEXT    NOT NULL UNIQUE,  -- in small letters
    role         TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    password     TEXT    NOT NULL,         -- Argon2id, as a PHC string
    password_at  INTEGER NOT NULL,         -- when it was set
    disabled_at  INTEGER,                  -- null = may sign in
    created_at   INTEGER NOT NULL
) STRICT;

-- Who is signed in. Only a hash of the token is kept: whoever reads the file signs in nowhere.
CREATE TABLE sign_in (
    token_hash TEXT    PRIMARY KEY,        -- SHA-256 of the cookie, hexadecimal
    person_id  INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,           -- moved once a minute at most
    proved_at  INTEGER NOT NULL,           -- when the password was last typed
    agent      TEXT    NOT NULL            -- what the browser calls itself, cut short
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_person ON sign_in (person_id);

-- What people did in the dashboard, and who was refused; never changed.
CREATE TABLE trail (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    person TEXT    NOT NULL,               -- the login, as it was then; '' = nobody was signed in
    action TEXT    NOT NULL,               -- 'sign_in', 'retry', 'ignore', …
    branch TEXT,
    record INTEGER,
    detail TEXT    NOT NULL                -- what it was about, in data: numbers, codes, reasons
) STRICT;
CREATE INDEX trail_person ON trail (person, id);
CREATE INDEX trail_at ON trail (at);

-- Branches that somebody has paused: no pass of them starts by itself.
CREATE TABLE paused (
    branch TEXT    PRIMARY KEY,
    at     INTEGER NOT NULL,
    person TEXT    NOT NULL,
    reason TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- Passes that somebody asked for; a row goes when the daemon has taken it up.
CREATE TABLE wish (
    branch    TEXT    NOT NULL,
    direction TEXT    NOT NULL CHECK (direction IN ('receive', 'send')),
    at        INTEGER NOT NULL,
    PRIMARY KEY (branch, direction)
) STRICT, WITHOUT ROWID;

-- The problem of a try as data, so that it can be told in the reader's language.
ALTER TABLE attempt ADD COLUMN problem TEXT;

-- The log by time: of everything, of one branch, of what is sent, by cause and by state; a row's number is the end of each
-- index anyway. Finished orders, which are nearly all, stand in the first two alone.
CREATE INDEX record_updated ON record (updated_at);
CREATE INDEX record_branch_updated ON record (branch, updated_at);
CREATE INDEX record_sent_updated ON record (updated_at) WHERE direction = 'send';
CREATE INDEX record_cause_updated ON record (cause, updated_at) WHERE cause IS NOT NULL;
CREATE INDEX record_state_updated ON record (state, updated_at) WHERE state IN ('pending', 'held', 'failed', 'ignored');
-- What people type: the receipt reference, the draft's name.
CREATE INDEX record_reference ON record (reference);
CREATE INDEX record_central_name ON record (central_name) WHERE central_name IS NOT NULL;
-- What waits for one fix, by branch.
DROP INDEX record_waiting;
CREATE INDEX record_waiting ON record (state, waits_for, branch) WHERE state IN ('pending', 'held', 'failed');

-- What a branch sold in a day of its zone, from the orders that were received. Made anew while their content is kept.
CREATE TABLE sales (
    branch   TEXT    NOT NULL,
    day      TEXT    NOT NULL,             -- 2026-11-20
    currency TEXT    NOT NULL,
    orders   INTEGER NOT NULL,             -- refunds among them
    amount   TEXT    NOT NULL,             -- refunds taken off
    refunds  INTEGER NOT NULL,
    refunded TEXT    NOT NULL,             -- negative
    report   TEXT    NOT NULL,             -- JSON: by hour, cashier, payment method, product
    PRIMARY KEY (branch, day, currency)
) STRICT, WITHOUT ROWID;
-- Sums of a month of a thousand branches without touching the reports.
CREATE INDEX sales_day ON sales (day, branch, currency, orders, amount, refunds, refunded);

-- Orders whose content came or changed since the sales of their day were last counted. (Not INSERT OR IGNORE: the upsert that
-- fires a trigger brings its own way with conflicts, and a note that is there already would make it fail.)
CREATE TABLE uncounted (
    record_id INTEGER PRIMARY KEY
) STRICT;
CREATE TRIGGER content_came AFTER INSERT ON content BEGIN
    INSERT INTO uncounted (record_id) SELECT new.record_id WHERE NOT EXISTS (SELECT 1 FROM uncounted WHERE record_id = new.record_id);
END;
CREATE TRIGGER content_changed AFTER UPDATE OF payload, changed ON content BEGIN
    INSERT INTO uncounted (record_id) SELECT new.record_id WHERE NOT EXISTS (SELECT 1 FROM uncounted WHERE record_id = new.record_id);
END;
-- An order that the branch no longer has is no sale.
CREATE TRIGGER sale_gone AFTER INSERT ON gone WHEN new.at_branch IS NOT NULL BEGIN
    INSERT INTO uncounted (record_id) SELECT new.record_id WHERE NOT EXISTS (SELECT 1 FROM uncounted WHERE record_id = new.record_id);
END;
CREATE TRIGGER sale_gone_later AFTER UPDATE OF at_branch ON gone BEGIN
    INSERT INTO uncounted (record_id) SELECT new.record_id WHERE NOT EXISTS (SELECT 1 FROM uncounted WHERE record_id = new.record_id);
END;
INSERT INTO uncounted (record_id) SELECT record_id FROM content;
