PRAGMA foreign_keys = OFF;
BEGIN TRANSACTION;
CREATE TABLE attempt (
    id          INTEGER PRIMARY KEY,
    record_id   INTEGER NOT NULL REFERENCES record (id),
    at          INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    outcome     TEXT    NOT NULL,          -- 'done', 'failed', 'again' (tried again by itself), 'ignored', 'retry' (asked by a person)
    cause       TEXT,
    message     TEXT    NOT NULL           -- in plain words
, problem TEXT) STRICT;
INSERT INTO "attempt" VALUES(1,1,1795263432,58,'done',NULL,'Written to central as S00001',NULL);
INSERT INTO "attempt" VALUES(2,2,1795263432,58,'done',NULL,'Written to central as S00002, with an adjustment line of -0.01',NULL);
INSERT INTO "attempt" VALUES(3,3,1795273426,1474,'done',NULL,'Created at the branch (id 3081): name Send 001 café "crème", Internal Reference SND-001, barcode 7300000000011, product type consu, track inventory no, tracking none, sales yes, point of sale yes, sales price 4.47, cost 1.61, sales taxes VAT 20% incl, unit Units, 7 more',NULL);
INSERT INTO "attempt" VALUES(4,3,1795273453,180,'done',NULL,'Changed at the branch (id 3081): sales price 4.47 -> 77',NULL);
INSERT INTO "attempt" VALUES(5,4,1795273426,1474,'done',NULL,'Created at the branch (id 3082): name Send 002 <biscuits> & 漢字, Internal Reference SND-002, barcode 7300000000028, product type consu, track inventory yes, tracking none, sales yes, point of sale yes, sales price 7.84, cost 2.82, sales taxes Eco 2%, VAT 15%, unit Units, 6 more',NULL);
INSERT INTO "attempt" VALUES(6,4,1795273453,0,'held','order_open','The product "[SND-002] Send 002 <biscuits> & 漢字" is to be archived, and it is in an order still open at the till: "/".',NULL);
INSERT INTO "attempt" VALUES(7,5,1795273426,1474,'done',NULL,'Created at the branch (id 3085): name Send 005 tea, Internal Reference SND-005, product type consu, track inventory no, tracking none, sales yes, point of sale yes, sales price 17.95, cost 6.45, sales taxes VAT 20% incl, unit Units, product category Send goods, 5 more',NULL);
INSERT INTO "attempt" VALUES(8,6,1795273425,0,'failed','barcode_taken','The branch has the barcode 7300000000990 of "[SND-TAKEN] Send taken" on another record: [BRANCH-TAKEN] Has that barcode (id 3077).',NULL);
INSERT INTO "attempt" VALUES(9,6,1795273451,0,'failed','barcode_taken','The branch has the barcode 7300000000990 of "[SND-TAKEN] Send taken" on another record: [BRANCH-TAKEN] Has that barcode (id 3077).',NULL);
INSERT INTO "attempt" VALUES(10,7,1795273425,0,'failed','combo_not_sent','The product "[SND-COMBO] Send combo" is a combo, and combos with their choices are not sent.',NULL);
INSERT INTO "attempt" VALUES(11,7,1795273451,0,'failed','combo_not_sent','The product "[SND-COMBO] Send combo" is a combo, and combos with their choices are not sent.',NULL);
INSERT INTO "attempt" VALUES(12,7,1795273469,0,'ignored',NULL,'Ignored: made by hand',NULL);
CREATE TABLE binding (
    branch     TEXT    NOT NULL,
    model      TEXT    NOT NULL,
    branch_id  INTEGER NOT NULL,
    central_id INTEGER NOT NULL,
    source     TEXT    NOT NULL CHECK (source IN ('match', 'person')), -- a match can be found anew, a person's choice cannot
    updated_at INTEGER NOT NULL, central_made TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (branch, model, branch_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "binding" VALUES('durres','account.tax',3,71,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('durres','account.tax',4,72,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('durres','account.tax',5,73,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('durres','product.product',11,1002,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('durres','product.product',12,1003,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('durres','product.product',14,1005,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('durres','product.product',15,1006,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('durres','product.product',16,1007,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('durres','product.product',17,1008,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('durres','product.product',18,1009,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('durres','res.partner',8,514,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('durres','res.partner',9,513,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('durres','res.partner',10,512,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('tirana','account.tax',3,71,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('tirana','account.tax',4,72,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('tirana','account.tax',5,73,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('tirana','product.product',11,1002,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('tirana','product.product',12,1003,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('tirana','product.product',13,1004,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('tirana','product.product',15,1006,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('tirana','product.product',16,1007,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('tirana','product.product',18,1009,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('tirana','product.product',19,1010,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('tirana','product.product',20,1011,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('tirana','res.partner',10,512,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('tirana','res.partner',12,510,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('vlora','account.tax',3,71,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('vlora','account.tax',4,72,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('vlora','account.tax',5,73,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('vlora','product.product',11,1002,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('vlora','product.product',12,1003,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('vlora','product.product',13,1004,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('vlora','product.product',16,1007,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('vlora','product.product',19,1010,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('vlora','product.product',20,1011,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('vlora','res.partner',10,512,'match',1795263432,'2026-11-01 08:00:00');
INSERT INTO "binding" VALUES('vlora','res.partner',11,511,'match',1795263432,'2026-11-01 08:00:00');
CREATE TABLE branch_record (
    branch    TEXT    NOT NULL,
    model     TEXT    NOT NULL,
    branch_id INTEGER NOT NULL,
    data      TEXT    NOT NULL,            -- JSON
    stale     INTEGER NOT NULL DEFAULT 0,  -- 1 = read it again before the next match
    PRIMARY KEY (branch, model, branch_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "branch_record" VALUES('durres','account.tax',3,'{"id":3,"name":"VAT 20% incl","amount":"20.0","amount_type":"percent","price_include":true}',0);
INSERT INTO "branch_record" VALUES('durres','account.tax',4,'{"id":4,"name":"VAT 15%","amount":"15.0","amount_type":"percent","price_include":false}',0);
INSERT INTO "branch_record" VALUES('durres','account.tax',5,'{"id":5,"name":"VAT 5.5% incl","amount":"5.5","amount_type":"percent","price_include":true}',0);
INSERT INTO "branch_record" VALUES('durres','product.product',11,'{"id":11,"name":"Article 1","barcode":"200000000001","default_code":"ART-0001"}',0);
INSERT INTO "branch_record" VALUES('durres','product.product',12,'{"id":12,"name":"Article 2","barcode":"200000000002","default_code":"ART-0002"}',0);
INSERT INTO "branch_record" VALUES('durres','product.product',14,'{"id":14,"name":"Article 4","barcode":"200000000004","default_code":"ART-0004"}',0);
INSERT INTO "branch_record" VALUES('durres','product.product',15,'{"id":15,"name":"Article 5","barcode":"200000000005","default_code":"ART-0005"}',0);
INSERT INTO "branch_record" VALUES('durres','product.product',16,'{"id":16,"name":"Article 6","barcode":"200000000006","default_code":"ART-0006"}',0);
INSERT INTO "branch_record" VALUES('durres','product.product',17,'{"id":17,"name":"Article 7","barcode":"200000000007","default_code":"ART-0007"}',0);
INSERT INTO "branch_record" VALUES('durres','product.product',18,'{"id":18,"name":"Article 8","barcode":"200000000008","default_code":"ART-0008"}',0);
INSERT INTO "branch_record" VALUES('durres','res.partner',8,'{"id":8,"name":"Customer 1","vat":"AL000000001","email":"customer1@example.com","ref":"C001"}',0);
INSERT INTO "branch_record" VALUES('durres','res.partner',9,'{"id":9,"name":"Customer 2","vat":"AL000000002","email":"customer2@example.com","ref":"C002"}',0);
INSERT INTO "branch_record" VALUES('durres','res.partner',10,'{"id":10,"name":"Customer 3","vat":"AL000000003","email":"customer3@example.com","ref":"C003"}',0);
INSERT INTO "branch_record" VALUES('tirana','account.tax',3,'{"id":3,"name":"VAT 20% incl","amount":"20.0","amount_type":"percent","price_include":true}',0);
INSERT INTO "branch_record" VALUES('tirana','account.tax',4,'{"id":4,"name":"VAT 15%","amount":"15.0","amount_type":"percent","price_include":false}',0);
INSERT INTO "branch_record" VALUES('tirana','account.tax',5,'{"id":5,"name":"VAT 5.5% incl","amount":"5.5","amount_type":"percent","price_include":true}',0);
INSERT INTO "branch_record" VALUES('tirana','product.product',11,'{"id":11,"name":"Article 1","barcode":"200000000001","default_code":"ART-0001"}',0);
INSERT INTO "branch_record" VALUES('tirana','product.product',12,'{"id":12,"name":"Article 2","barcode":"200000000002","default_code":"ART-0002"}',0);
INSERT INTO "branch_record" VALUES('tirana','product.product',13,'{"id":13,"name":"Article 3","barcode":"200000000003","default_code":"ART-0003"}',0);
INSERT INTO "branch_record" VALUES('tirana','product.product',15,'{"id":15,"name":"Article 5","barcode":"200000000005","default_code":"ART-0005"}',0);
INSERT INTO "branch_record" VALUES('tirana','product.product',16,'{"id":16,"name":"Article 6","barcode":"200000000006","default_code":"ART-0006"}',0);
INSERT INTO "branch_record" VALUES('tirana','product.product',18,'{"id":18,"name":"Article 8","barcode":"200000000008","default_code":"ART-0008"}',0);
INSERT INTO "branch_record" VALUES('tirana','product.product',19,'{"id":19,"name":"Article 9","barcode":"200000000009","default_code":"ART-0009"}',0);
INSERT INTO "branch_record" VALUES('tirana','product.product',20,'{"id":20,"name":"Article 10","barcode":"200000000010","default_code":"ART-0010"}',0);
INSERT INTO "branch_record" VALUES('tirana','res.partner',10,'{"id":10,"name":"Customer 3","vat":"AL000000003","email":"customer3@example.com","ref":"C003"}',0);
INSERT INTO "branch_record" VALUES('tirana','res.partner',12,'{"id":12,"name":"Customer 5","vat":"AL000000005","email":"customer5@example.com","ref":"C005"}',0);
INSERT INTO "branch_record" VALUES('vlora','account.tax',3,'{"id":3,"name":"VAT 20% incl","amount":"20.0","amount_type":"percent","price_include":true}',0);
INSERT INTO "branch_record" VALUES('vlora','account.tax',4,'{"id":4,"name":"VAT 15%","amount":"15.0","amount_type":"percent","price_include":false}',0);
INSERT INTO "branch_record" VALUES('vlora','account.tax',5,'{"id":5,"name":"VAT 5.5% incl","amount":"5.5","amount_type":"percent","price_include":true}',0);
INSERT INTO "branch_record" VALUES('vlora','product.product',11,'{"id":11,"name":"Article 1","barcode":"200000000001","default_code":"ART-0001"}',0);
INSERT INTO "branch_record" VALUES('vlora','product.product',12,'{"id":12,"name":"Article 2","barcode":"200000000002","default_code":"ART-0002"}',0);
INSERT INTO "branch_record" VALUES('vlora','product.product',13,'{"id":13,"name":"Article 3","barcode":"200000000003","default_code":"ART-0003"}',0);
INSERT INTO "branch_record" VALUES('vlora','product.product',16,'{"id":16,"name":"Article 6","barcode":"200000000006","default_code":"ART-0006"}',0);
INSERT INTO "branch_record" VALUES('vlora','product.product',19,'{"id":19,"name":"Article 9","barcode":"200000000009","default_code":"ART-0009"}',0);
INSERT INTO "branch_record" VALUES('vlora','product.product',20,'{"id":20,"name":"Article 10","barcode":"200000000010","default_code":"ART-0010"}',0);
INSERT INTO "branch_record" VALUES('vlora','res.partner',10,'{"id":10,"name":"Customer 3","vat":"AL000000003","email":"customer3@example.com","ref":"C003"}',0);
INSERT INTO "branch_record" VALUES('vlora','res.partner',11,'{"id":11,"name":"Customer 4","vat":"AL000000004","email":"customer4@example.com","ref":"C004"}',0);
CREATE TABLE content (
    record_id  INTEGER PRIMARY KEY REFERENCES record (id),
    partner_id INTEGER,                    -- the customer at the branch: what is known of him goes with his last content
    payload    ANY     NOT NULL,           -- as received; what the draft is made from: a blob is JSON in zlib, a text is JSON
    changed    ANY                         -- newer content, seen after the draft was written
) STRICT;
INSERT INTO "content" VALUES(1,NULL,'{"id":1,"uuid":"f7846a27-79d8-44b6-ae0b-b21ec8441236","name":"Durres Port - 000001","pos_reference":"2601-1-000001","date_order":"2026-11-21 12:17:12","write_date":"2026-11-21 12:17:12","state":"paid","session_id":[1,"Durres Port/00001"],"config_id":[1,"Durres Port"],"company_id":[1,"Durres Port"],"user_id":[5,"Anna"],"employee_id":null,"partner_id":null,"currency_id":[1,"EUR"],"amount_total":"428.57","amount_tax":"47.91","amount_paid":"428.57","account_move":null,"refunded_order_id":null,"general_customer_note":null,"lines":[{"id":1,"order_id":[1,"Durres Port - 000001"],"product_id":[36,"[ART-0026] Article 26"],"full_product_name":"Article 26","qty":"1.0","price_unit":"88.81","discount":"0.0","price_subtotal_incl":"88.81","tax_ids_after_fiscal_position":[5],"customer_note":null,"refunded_orderline_id":null,"combo_line_ids":[],"pack_lot_ids":[],"lot_names":[]},{"id":2,"order_id":[1,"Durres Port - 000001"],"product_id":[39,"[ART-0029] Article 29"],"full_product_name":"Article 29","qty":"1.0","price_unit":"13.23","discount":"0.0","price_subtotal_incl":"13.23","tax_ids_after_fiscal_position":[5],"customer_note":null,"refunded_orderline_id":null,"combo_line_ids":[],"pack_lot_ids":[],"lot_names":[]},{"id":3,"order_id":[1,"Durres Port - 000001"],"product_id":[29,"[ART-0019] Article 19"],"full_product_name":"Article 19","qty":"1.0","price_unit":"38.93","discount":"0.0","price_subtotal_incl":"44.77","tax_ids_after_fiscal_position":[4],"customer_note":null,"refunded_orderline_id":null,"combo_line_ids":[],"pack_lot_ids":[],"lot_names":[]},{"id":4,"order_id":[1,"Durres Port - 000001"],"product_id":[35,"[ART-0025] Article 25"],"full_product_name":"Article 25","qty":"3.0","price_unit":"81.67","discount":"0.0","price_subtotal_incl":"281.76","tax_ids_after_fiscal_position":[4],"customer_note":null,"refunded_orderline_id":null,"combo_line_ids":[],"pack_lot_ids":[],"lot_names":[]}],"payment_ids":[{"id":1,"pos_order_id":[1,"Durres Port - 000001"],"payment_method_id":[1,"Cash"],"amount":"428.57","is_change":false}]}',NULL);
INSERT INTO "content" VALUES(2,NULL,X'789CBD95C18E9B3010865F05F90CD436049ADCA2B6F76AD59EA215728C49AC824D6DD3368AF2EE1D0301564D9AD51E36A778E6B73DFFE7D17046B2441B1AA2AEF37FD01AE7EBA4CCCA688D1989D294A71123C93E627B5CE17D492B91AC5088146B04A83F77C6081B7CD5C6055180FD8F42B6D5B630A2124628EE6534C32422D1942F99138536A5303E8969161112511210BA21F98678C96F2341E3857725D60DD99641E5B014D64AAD0A6F6347C2656D1FFCC5043D87886B55C9C32DCD906D5AA64EF7D29D1566C8AD42B4558AF9A068DA5A9F84E813AAAB6BB0CF8C53A37488707F90E2F3C95FBE3FF9CDACD19D7285D38ED5E0244FE2F5473487D91F08121CA7640EF66E1752CEFB70A37F89EB6D80BE53A52807C48B320E02CA6275C13BEB740329A5DDB4AB964A58A8EEDC7704389C77EF6878FBA9C1426B74D971373ACB42B4DB3E7DF34F9D3D075BE324AF4590796105B71457F5D83FB320443FDD092238F6EDD51AC945D129E920942631F5004A697BAFBD0A4F2ADBED7B7E8554DC43A424F6C7013CA8C916AC72E0A282BD2081C6940E9A044A4DFC7BDFE2F0929EA7B27C48DDEC7531063D2D4F80F11F45ADDD1CF10BEFB05F5EC28168F626A2349D889274264AD2474841313325F41FAA003579093549E224B98B15C7347F05D6D57B63CDDFD6A8F9DCA8F98C357F44359FA092450B8E485738EE87E38229F95FA7AE68DC0FB2474CD37763DA4B4E8D5057C5F9FA79F023FD959CC7031AE18EBA9C26DE27668FF3C85B4C30690B7E64EA00AE2A565B7179BEFC0541F41EE4',NULL);
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
INSERT INTO "day" VALUES('durres','2026-11-20',1795263432,1795273425,'equal',0,0,'{"day":"2026-11-20","verdict":"equal","branch_orders":2,"received":2,"central_orders":2,"central_states":{"draft":2},"waiting":0,"held":0,"failed":0,"ignored":0,"deleted_at_central":0,"totals":[{"currency":"EUR","branch":"4.00","central":"4.00"}],"missing":[],"extra":[],"different":[],"late":[],"changed":[],"not_listed":0,"open_sessions":[],"error":null,"next_step":null}',NULL,NULL);
INSERT INTO "day" VALUES('durres','2026-11-21',NULL,NULL,'unproved',0,0,'',1795273425,'branch durres does not answer.');
CREATE TABLE endpoint (
    owner     TEXT PRIMARY KEY,            -- 'central' or a branch code
    url       TEXT NOT NULL,
    database  TEXT NOT NULL,
    login     TEXT NOT NULL,
    uid       INTEGER,                     -- of the last log-in: each log-in writes a row at that Odoo
    fields    TEXT,                        -- JSON: the fields it has of those we want
    cursor    TEXT,                        -- branch: its own clock at the start of the last pass that found something
    whole_cursor TEXT, asked TEXT, recognized INTEGER NOT NULL DEFAULT 0, protocol TEXT, version TEXT, version_before TEXT, version_at INTEGER, key_ends_at INTEGER) STRICT;
INSERT INTO "endpoint" VALUES('tirana','http://127.0.0.1:8069','tirana','bridge',3,'{"order":["uuid","name","pos_reference","date_order","write_date","state","session_id","config_id","company_id","user_id","partner_id","currency_id","amount_total","amount_tax","amount_paid","account_move","refunded_order_id","general_customer_note"],"line":["order_id","product_id","full_product_name","qty","price_unit","discount","price_subtotal_incl","tax_ids_after_fiscal_position","customer_note","refunded_orderline_id","combo_line_ids","pack_lot_ids"],"payment":["pos_order_id","payment_method_id","amount","is_change"]}','2026-11-21 12:17:12','2026-11-21 11:40:03','Paid from 2026-11-01 TimeZone(UTC) []',0,'xmlrpc','19.0','17.0',1764400000,NULL);
CREATE TABLE gone (
    record_id  INTEGER PRIMARY KEY REFERENCES record (id),
    at_branch  INTEGER,                    -- when it was no longer at the branch
    at_central INTEGER                     -- when its draft was no longer at central
) STRICT;
CREATE TABLE notice (
    branch  TEXT NOT NULL,
    cause   TEXT NOT NULL,                 -- stable short name of the problem
    problem TEXT NOT NULL,                 -- JSON
    PRIMARY KEY (branch, cause)
) STRICT, WITHOUT ROWID;
INSERT INTO "notice" VALUES('tirana','branch_restored','{"cause":"branch_restored","details":"the received order 000123 is no longer there"}');
INSERT INTO "notice" VALUES('tirana','central_restored','{"cause":"central_restored","lost":2,"first":"S00001","last":"S00002"}');
CREATE TABLE paused (
    branch TEXT    PRIMARY KEY,
    at     INTEGER NOT NULL,
    person TEXT    NOT NULL,
    reason TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "paused" VALUES('durres',1795263440,'anna','moving');
CREATE TABLE person (
    id           INTEGER PRIMARY KEY,
    login        TEXT    NOT NULL UNIQUE,  -- in small letters
    role         TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    password     TEXT    NOT NULL,         -- Argon2id, as a PHC string
    password_at  INTEGER NOT NULL,         -- when it was set
    disabled_at  INTEGER,                  -- null = may sign in
    created_at   INTEGER NOT NULL
) STRICT;
INSERT INTO "person" VALUES(1,'anna','admin','$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaA',1795263432,NULL,1795263432);
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
    updated_at   INTEGER NOT NULL, note TEXT, has_content INTEGER NOT NULL DEFAULT 0, known_as TEXT,
    UNIQUE (branch, direction, kind, remote_id, witness)
) STRICT;
INSERT INTO "record" VALUES(1,'durres','receive','order',1,'f7846a27-79d8-44b6-ae0b-b21ec8441236','2601-1-000001','done',0,NULL,NULL,NULL,1,NULL,'2026-11-21 12:17:12','7a93abccbf9adb959710a0e61bbbff63','',5,'2026-11-21 12:17:12','428.57','47.91','EUR',1,'S00001',NULL,NULL,1795263432,1795263432,NULL,1,NULL);
INSERT INTO "record" VALUES(2,'durres','receive','order',2,'90793d6d-90a1-44c4-a13b-ab0f0bd2fe35','2601-1-000002','done',0,NULL,NULL,NULL,1,NULL,'2026-11-21 12:17:12','3438c28e3b667d214bcec58cffa91f1f','',4,'2026-11-21 12:17:12','73.98','10.41','EUR',2,'S00002','-0.01',NULL,1795263432,1795263432,NULL,1,NULL);
INSERT INTO "record" VALUES(3,'tirana','send','product',3082,'product_template-3082-20261121141132','[SND-001] Send 001 café "crème"','done',0,NULL,NULL,NULL,2,NULL,'','','{}',2,'','','','',3082,'[SND-001] Send 001 café "crème"',NULL,NULL,1795273425,1795273453,'Changed at the branch (id 3081): sales price 4.47 -> 77',0,NULL);
INSERT INTO "record" VALUES(4,'tirana','send','product',3083,'product_template-3083-20261121141132','[SND-002] Send 002 <biscuits> & 漢字','held',0,'[{"cause":"order_open","reference":"[SND-002] Send 002 <biscuits> & 漢字","orders":["/"]}]','order_open','order_open:"[SND-002] Send 002 <biscuits> & 漢字"',2,NULL,'','','{"kind":"product","central_id":3083,"branch_id":3082,"reference":"[SND-002] Send 002 <biscuits> & 漢字","external_id":"product_template-3083-20261121141132","action":"archive","changes":[{"field":"active","label":"active","from":"yes","to":"no","overwrites":false,"before":{"flag":true},"after":{"flag":false}}],"problems":[{"cause":"order_open","reference":"[SND-002] Send 002 <biscuits> & 漢字","orders":["/"]}],"chosen":true}',1,'','','','',3083,'[SND-002] Send 002 <biscuits> & 漢字',NULL,NULL,1795273425,1795273453,'Created at the branch (id 3082): name Send 002 <biscuits> & 漢字, Internal Reference SND-002, barcode 7300000000028, product type consu, track inventory yes, tracking none, sales yes, point of sale yes, sales price 7.84, cost 2.82, sales taxes Eco 2%, VAT 15%, unit Units, 6 more',0,NULL);
INSERT INTO "record" VALUES(5,'tirana','send','product',3086,'product_template-3086-20261121141132','[SND-005] Send 005 tea','pending',0,NULL,NULL,NULL,1,1795273519,'','','{"kind":"product","central_id":3086,"branch_id":3085,"reference":"[SND-005] Send 005 tea","external_id":"product_template-3086-20261121141132","action":"change","changes":[{"field":"list_price","label":"sales price","from":"17.95","to":"9.5","overwrites":false,"before":{"number":"17.95"},"after":{"number":"9.5"}}],"problems":[],"chosen":true}',2,'','','','',3086,'[SND-005] Send 005 tea',NULL,NULL,1795273425,1795273519,'Created at the branch (id 3085): name Send 005 tea, Internal Reference SND-005, product type consu, track inventory no, tracking none, sales yes, point of sale yes, sales price 17.95, cost 6.45, sales taxes VAT 20% incl, unit Units, product category Send goods, 5 more',0,NULL);
INSERT INTO "record" VALUES(6,'tirana','send','product',3102,'product_template-3102-20261121141132','[SND-TAKEN] Send taken','failed',0,'[{"cause":"barcode_taken","reference":"[SND-TAKEN] Send taken","barcode":"7300000000990","words":"[BRANCH-TAKEN] Has that barcode (id 3077)"}]','barcode_taken','barcode_taken:barcode 7300000000990',2,NULL,'','','{"kind":"product","central_id":3102,"branch_id":null,"reference":"[SND-TAKEN] Send taken","external_id":"product_template-3102-20261121141132","action":"create","changes":[{"field":"name","label":"name","from":null,"to":"Send taken","overwrites":false,"before":null,"after":{"text":"Send taken"}},{"field":"default_code","label":"Internal Reference","from":null,"to":"SND-TAKEN","overwrites":false,"before":null,"after":{"text":"SND-TAKEN"}},{"field":"barcode","label":"barcode","from":null,"to":"7300000000990","overwrites":false,"before":null,"after":{"text":"7300000000990"}},{"field":"type","label":"product type","from":null,"to":"consu","overwrites":false,"before":null,"after":{"text":"consu"}},{"field":"is_storable","label":"track inventory","from":null,"to":"no","overwrites":false,"before":null,"after":{"flag":false}},{"field":"tracking","label":"tracking","from":null,"to":"none","overwrites":false,"before":null,"after":{"text":"none"}},{"field":"sale_ok","label":"sales","from":null,"to":"yes","overwrites":false,"before":null,"after":{"flag":true}},{"field":"available_in_pos","label":"point of sale","from":null,"to":"yes","overwrites":false,"before":null,"after":{"flag":true}},{"field":"list_price","label":"sales price","from":null,"to":"4.4","overwrites":false,"before":null,"after":{"number":"4.4"}},{"field":"standard_price","label":"cost","from":null,"to":"0","overwrites":false,"before":null,"after":{"number":"0"}},{"field":"taxes_id","label":"sales taxes","from":null,"to":"VAT 9% incl","overwrites":false,"before":null,"after":{"many":[{"there":741}]}},{"field":"uom_id","label":"unit","from":null,"to":"Units","overwrites":false,"before":null,"after":{"one":{"there":1}}},{"field":"categ_id","label":"product category","from":null,"to":"Send goods / Send things","overwrites":false,"before":null,"after":{"one":{"there":743}}},{"field":"pos_categ_ids","label":"POS categories","from":null,"to":"Send shelf","overwrites":false,"before":null,"after":{"many":[{"there":742}]}},{"field":"to_weight","label":"to weigh with scale","from":null,"to":"no","overwrites":false,"before":null,"after":{"flag":false}},{"field":"weight","label":"weight","from":null,"to":"0","overwrites":false,"before":null,"after":{"number":"0"}},{"field":"active","label":"active","from":null,"to":"yes","overwrites":false,"before":null,"after":{"flag":true}}],"problems":[{"cause":"barcode_taken","reference":"[SND-TAKEN] Send taken","barcode":"7300000000990","words":"[BRANCH-TAKEN] Has that barcode (id 3077)"}],"chosen":true}',2,'','','','',3102,'[SND-TAKEN] Send taken',NULL,NULL,1795273425,1795273451,NULL,0,NULL);
INSERT INTO "record" VALUES(7,'tirana','send','product',3106,'product_template-3106-20261121141132','[SND-COMBO] Send combo','ignored',0,'[{"cause":"combo_not_sent","reference":"[SND-COMBO] Send combo"}]','combo_not_sent','combo_not_sent:"[SND-COMBO] Send combo"',2,NULL,'','','{"kind":"product","central_id":3106,"branch_id":null,"reference":"[SND-COMBO] Send combo","external_id":"product_template-3106-20261121141132","action":"create","changes":[{"field":"name","label":"name","from":null,"to":"Send combo","overwrites":false,"before":null,"after":{"text":"Send combo"}},{"field":"default_code","label":"Internal Reference","from":null,"to":"SND-COMBO","overwrites":false,"before":null,"after":{"text":"SND-COMBO"}},{"field":"type","label":"product type","from":null,"to":"combo","overwrites":false,"before":null,"after":{"text":"combo"}},{"field":"is_storable","label":"track inventory","from":null,"to":"no","overwrites":false,"before":null,"after":{"flag":false}},{"field":"tracking","label":"tracking","from":null,"to":"none","overwrites":false,"before":null,"after":{"text":"none"}},{"field":"sale_ok","label":"sales","from":null,"to":"yes","overwrites":false,"before":null,"after":{"flag":true}},{"field":"available_in_pos","label":"point of sale","from":null,"to":"yes","overwrites":false,"before":null,"after":{"flag":true}},{"field":"list_price","label":"sales price","from":null,"to":"5.5","overwrites":false,"before":null,"after":{"number":"5.5"}},{"field":"standard_price","label":"cost","from":null,"to":"0","overwrites":false,"before":null,"after":{"number":"0"}},{"field":"taxes_id","label":"sales taxes","from":null,"to":"VAT 9% incl","overwrites":false,"before":null,"after":{"many":[{"there":741}]}},{"field":"uom_id","label":"unit","from":null,"to":"Units","overwrites":false,"before":null,"after":{"one":{"there":1}}},{"field":"categ_id","label":"product category","from":null,"to":"Send goods / Send things","overwrites":false,"before":null,"after":{"one":{"there":743}}},{"field":"pos_categ_ids","label":"POS categories","from":null,"to":"Send shelf","overwrites":false,"before":null,"after":{"many":[{"there":742}]}},{"field":"to_weight","label":"to weigh with scale","from":null,"to":"no","overwrites":false,"before":null,"after":{"flag":false}},{"field":"weight","label":"weight","from":null,"to":"0","overwrites":false,"before":null,"after":{"number":"0"}},{"field":"active","label":"active","from":null,"to":"yes","overwrites":false,"before":null,"after":{"flag":true}}],"problems":[{"cause":"combo_not_sent","reference":"[SND-COMBO] Send combo"}],"chosen":true}',2,'','','','',3106,'[SND-COMBO] Send combo',NULL,'made by hand',1795273425,1795273469,NULL,0,NULL);
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
CREATE TABLE secret (
    owner      TEXT    NOT NULL,
    field      TEXT    NOT NULL,
    sealed     TEXT    NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (owner, field)
) STRICT, WITHOUT ROWID;
INSERT INTO "secret" VALUES('tirana','password','v1.6d48f655.dTlSINuT6Ma0hbcUnRub8W+l9x4/6b1fkiXjNNMvS/prGQ==',1795263432);
CREATE TABLE sent (
    branch     TEXT    NOT NULL,
    kind       TEXT    NOT NULL,           -- 'product', 'tax', …
    central_id INTEGER NOT NULL,
    branch_id  INTEGER NOT NULL,
    baseline   TEXT    NOT NULL,           -- JSON: fingerprints of the branch's values after the last send, by field
    chosen     INTEGER NOT NULL,           -- 1 = by the settings or a person, 0 = it went along with another
    updated_at INTEGER NOT NULL,
    branch_made TEXT   NOT NULL, central_made TEXT NOT NULL DEFAULT '',           -- when the branch's record was made there; '' = not known
    PRIMARY KEY (branch, kind, central_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "sent" VALUES('tirana','product',3082,3081,'{"active":713136531,"available_in_pos":713136531,"barcode":3168656648,"categ_id":335108747,"default_code":2090278415,"description_sale":2403646969,"image_1920":1471373090,"is_storable":371724981,"list_price":2827647234,"name":3178982645,"pos_categ_ids":2545216906,"public_description":1205595116,"sale_ok":713136531,"standard_price":2228463733,"taxes_id":3094076782,"to_weight":371724981,"tracking":190313609,"type":1852977214,"uom_id":861481380,"weight":100849608}',1,1795273453,'','2026-11-21 14:11:32');
INSERT INTO "sent" VALUES('tirana','tax',1,1,'{"active":713136531,"amount":3861510757,"amount_type":2323236564,"children_tax_ids":2991883004,"include_base_amount":371724981,"invoice_label":1205595116,"is_base_affected":713136531,"name":1709973992,"price_include":371724981,"sequence":1803989619,"type_tax_use":3258956332}',1,1795273425,'','2026-11-21 14:11:32');
INSERT INTO "sent" VALUES('tirana','unit',1,1,'{"name":2371393247,"relative_factor":1803989619,"relative_uom_id":1205595116}',0,1795273425,'','2026-11-21 14:11:32');
CREATE TABLE session (
    branch     TEXT    NOT NULL,
    session_id INTEGER NOT NULL,           -- its id at the branch
    day        TEXT    NOT NULL,           -- the day on which it began, in the branch's zone
    checked_at INTEGER NOT NULL,
    report     TEXT    NOT NULL,           -- JSON
    PRIMARY KEY (branch, session_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "session" VALUES('durres',1,'2026-11-20',1795273425,'{"id":1,"name":"POS/00001"}');
CREATE TABLE sign_in (
    token_hash TEXT    PRIMARY KEY,        -- SHA-256 of the cookie, hexadecimal
    person_id  INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,           -- moved once a minute at most
    proved_at  INTEGER NOT NULL,           -- when the password was last typed
    agent      TEXT    NOT NULL            -- what the browser calls itself, cut short
) STRICT, WITHOUT ROWID;
CREATE TABLE trail (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    person TEXT    NOT NULL,               -- the login, as it was then; '' = nobody was signed in
    action TEXT    NOT NULL,               -- 'sign_in', 'retry', 'ignore', …
    branch TEXT,
    record INTEGER,
    detail TEXT    NOT NULL                -- what it was about, in data: numbers, codes, reasons
) STRICT;
INSERT INTO "trail" VALUES(1,1795263440,'anna','retry','durres',1,'');
CREATE TABLE uncounted (
    record_id INTEGER PRIMARY KEY
) STRICT;
INSERT INTO "uncounted" VALUES(1);
INSERT INTO "uncounted" VALUES(2);
CREATE TABLE wish (
    branch    TEXT    NOT NULL,
    direction TEXT    NOT NULL CHECK (direction IN ('receive', 'send')),
    at        INTEGER NOT NULL,
    PRIMARY KEY (branch, direction)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_due ON record (branch, id) WHERE state = 'pending';
CREATE INDEX record_window ON record (branch, write_date);
CREATE INDEX attempt_record ON attempt (record_id);
CREATE INDEX record_state ON record (branch, state, direction, cause);
CREATE INDEX content_partner ON content (partner_id) WHERE partner_id IS NOT NULL;
CREATE INDEX record_content ON record (state, updated_at) WHERE has_content = 1 AND state IN ('done', 'ignored');
CREATE INDEX attempt_at ON attempt (at);
CREATE INDEX record_witness ON record (substr(witness, 1, 8));
CREATE INDEX day_for_a_person ON day (branch, day) WHERE for_a_person > 0;
CREATE INDEX day_equal ON day (branch, day, verdict) WHERE verdict IN ('equal', 'explained');
CREATE INDEX day_findings ON day (branch, day) WHERE findings > 0;
CREATE INDEX day_age ON day (day);
CREATE INDEX session_day ON session (branch, day);
CREATE INDEX session_age ON session (day);
CREATE INDEX record_day ON record (branch, date_order) WHERE direction = 'receive';
CREATE INDEX sign_in_person ON sign_in (person_id);
CREATE INDEX trail_person ON trail (person, id);
CREATE INDEX trail_at ON trail (at);
CREATE INDEX record_updated ON record (updated_at);
CREATE INDEX record_branch_updated ON record (branch, updated_at);
CREATE INDEX record_sent_updated ON record (updated_at) WHERE direction = 'send';
CREATE INDEX record_cause_updated ON record (cause, updated_at) WHERE cause IS NOT NULL;
CREATE INDEX record_state_updated ON record (state, updated_at) WHERE state IN ('pending', 'held', 'failed', 'ignored');
CREATE INDEX record_reference ON record (reference);
CREATE INDEX record_central_name ON record (central_name) WHERE central_name IS NOT NULL;
CREATE INDEX record_waiting ON record (state, waits_for, branch) WHERE state IN ('pending', 'held', 'failed');
CREATE INDEX sales_day ON sales (day, branch, currency, orders, amount, refunds, refunded);
CREATE TRIGGER content_came AFTER INSERT ON content BEGIN
    INSERT INTO uncounted (record_id) SELECT new.record_id WHERE NOT EXISTS (SELECT 1 FROM uncounted WHERE record_id = new.record_id);
END;
CREATE TRIGGER content_changed AFTER UPDATE OF payload, changed ON content BEGIN
    INSERT INTO uncounted (record_id) SELECT new.record_id WHERE NOT EXISTS (SELECT 1 FROM uncounted WHERE record_id = new.record_id);
END;
CREATE TRIGGER sale_gone AFTER INSERT ON gone WHEN new.at_branch IS NOT NULL BEGIN
    INSERT INTO uncounted (record_id) SELECT new.record_id WHERE NOT EXISTS (SELECT 1 FROM uncounted WHERE record_id = new.record_id);
END;
CREATE TRIGGER sale_gone_later AFTER UPDATE OF at_branch ON gone BEGIN
    INSERT INTO uncounted (record_id) SELECT new.record_id WHERE NOT EXISTS (SELECT 1 FROM uncounted WHERE record_id = new.record_id);
END;
CREATE INDEX binding_unmade ON binding (branch, model) WHERE central_made = '';
COMMIT;

PRAGMA user_version = 8;
