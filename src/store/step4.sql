-- What a day of a branch came to when it was last held against central.
CREATE TABLE day (
    branch           TEXT    NOT NULL,
    day              TEXT    NOT NULL,     -- in the branch's zone: 2026-11-20
    first_checked_at INTEGER,              -- when it was first compared after its end: what is received later is late; null = not yet
    proved_at        INTEGER,              -- when both sides were last read to the end; null = never
    verdict          TEXT    NOT NULL CHECK (verdict IN ('equal', 'explained', 'differs', 'not_over', 'unproved')), -- as of proved_at
    for_a_person     INTEGER NOT NULL,     -- how many differences a person has to look at, as of proved_at
    findings         INTEGER NOT NULL,     -- how many things about the sessions that began on it do not fit, as of proved_at
    report           TEXT    NOT NULL,     -- JSON of the comparison, as of proved_at; '' = never
    failed_at        INTEGER,              -- when it could last not be proved, if that is later than proved_at
    error            TEXT,                 -- why, in words
    PRIMARY KEY (branch, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX day_for_a_person ON day (branch, day) WHERE for_a_person > 0;
CREATE INDEX day_equal ON day (branch, day, verdict) WHERE verdict IN ('equal', 'explained');
CREATE INDEX day_findings ON day (branch, day) WHERE findings > 0;
CREATE INDEX day_age ON day (day);

-- A session of a branch with its money, as last read.
CREATE TABLE session (
    branch     TEXT    NOT NULL,
    session_id INTEGER NOT NULL,           -- its id at the branch
    day        TEXT    NOT NULL,           -- the day on which it began, in the branch's zone
    checked_at INTEGER NOT NULL,
    report     TEXT    NOT NULL,           -- JSON
    PRIMARY KEY (branch, session_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_day ON session (branch, day);
CREATE INDEX session_age ON session (day);

-- The orders of a day, however long the history is.
CREATE INDEX record_day ON record (branch, date_order) WHERE direction = 'receive';

-- Orders that one of the sides no longer has although it had them: a person was told, and they are not looked for again.
CREATE TABLE gone (
    record_id  INTEGER PRIMARY KEY REFERENCES record (id),
    at_branch  INTEGER,                    -- when it was no longer at the branch
    at_central INTEGER                     -- when its draft was no longer at central
) STRICT;
