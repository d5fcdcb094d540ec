-- What a branch gave of an order, beside its record, so that it can go when the order is long finished and the room be
-- used again: emptied in the record's row, it would leave a hole that nothing else fits into.
CREATE TABLE content (
    record_id  INTEGER PRIMARY KEY REFERENCES record (id),
    partner_id INTEGER,                    -- the customer at the branch: what is known of him goes with his last content
    payload    ANY     NOT NULL,           -- as received; what the draft is made from: a blob is JSON in zlib, a text is JSON
    changed    ANY                         -- newer content, seen after the draft was written
) STRICT;
CREATE INDEX content_partner ON content (partner_id) WHERE partner_id IS NOT NULL;
INSERT INTO content SELECT id, json_extract(payload, '$.partner_id[0]'), payload, changed FROM record WHERE direction = 'receive';

-- From here on `payload` in the record is that of what is sent alone; an order's is empty.
UPDATE record SET payload = '' WHERE direction = 'receive';
ALTER TABLE record DROP COLUMN changed;
-- 1 = an order whose content is kept. Without it the order is known again, but cannot be written again.
ALTER TABLE record ADD COLUMN has_content INTEGER NOT NULL DEFAULT 0;
UPDATE record SET has_content = 1 WHERE direction = 'receive';

-- What is forgotten next, of finished orders that still have their content, and of attempts.
CREATE INDEX record_content ON record (state, updated_at) WHERE has_content = 1 AND state IN ('done', 'ignored');
CREATE INDEX attempt_at ON attempt (at);

-- The beginning of a witness finds it: four million orders of one beginning would be needed to notice the difference.
DROP INDEX record_witness;
CREATE INDEX record_witness ON record (substr(witness, 1, 8));
