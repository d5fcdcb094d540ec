-- When central's record was made, as Odoo writes times: a central that is put back to a backup counts on from there, and gives the
-- number of a record that it lost to another one. '' = not known yet.
ALTER TABLE binding ADD COLUMN central_made TEXT NOT NULL DEFAULT '';
ALTER TABLE sent ADD COLUMN central_made TEXT NOT NULL DEFAULT '';
CREATE INDEX binding_unmade ON binding (branch, model) WHERE central_made = '';
