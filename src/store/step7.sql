-- Which protocol an Odoo speaks and which version it has: asked once, looked at again from time to time.
ALTER TABLE endpoint ADD COLUMN protocol TEXT;          -- 'xmlrpc' or 'json2', where the settings leave it open
ALTER TABLE endpoint ADD COLUMN version TEXT;           -- e.g. '19.0'
ALTER TABLE endpoint ADD COLUMN version_before TEXT;    -- the one that was seen before it; null = no other was
ALTER TABLE endpoint ADD COLUMN version_at INTEGER;     -- when the change was seen
ALTER TABLE endpoint ADD COLUMN key_ends_at INTEGER;    -- when the first API key of the bridge's user ends, as far as that Odoo tells

-- An upgrade of a branch's Odoo gives its orders witnesses that they did not have. What was received before keeps the one in its
-- external id, or central would take the same order for another.
ALTER TABLE record ADD COLUMN known_as TEXT;
