//! What people do: at central, at the bridge, and with machines and backups.

use std::collections::BTreeSet;

use posbridge::demo::wire::Value;
use posbridge::store::{Filter, Lock, Store, restore};

use crate::expected::{Reader, find, ids};
use crate::ledger::Ledger;
use crate::selling::SOLD;
use crate::world::{Touch, UNKNOWN, World, copy, temporary};

impl World {
    /// Somebody works on a draft at central.
    pub fn touch_draft(&mut self) {
        let drafts: Vec<(String, i64)> =
            self.drafts().into_iter().filter(|(key, _)| !key.ends_with("-rounding") && known_model(self, key)).collect();
        if drafts.is_empty() {
            return;
        }
        self.wait(3);
        // What the bridge has not proved yet is where it may interfere.
        let rows = self.ledger.rows();
        let unproved: Vec<_> = drafts.iter().filter(|(key, _)| rows.get(key).is_some_and(|row| row.state == "pending")).collect();
        let (key, id) = match unproved.len() {
            0 => drafts[self.random.below(drafts.len())].clone(),
            count => unproved[self.random.below(count)].clone(),
        };
        let state = self.central.with(|db| Reader::new(db, "sale.order", id).text("state"));
        let line = self.central.with(|db| {
            let lines = Reader::new(db, "sale.order", id).children("sale.order.line", "order_id");
            lines.into_iter().find(|line| Reader::new(db, "sale.order.line", *line).text("display_type").is_empty())
        });
        let what = self.random.below(6);
        let done = match (what, line) {
            (0, _) => self.central.confirm(id),
            (1, _) => self.central.cancel(id),
            (2 | 3, _) if state != "sale" => {
                let known = self.known_as_done(&key);
                self.central.delete("sale.order", id).expect("deleted");
                self.truth.touched.insert(key.clone(), Touch::Deleted { for_good: known });
                self.fired(22);
                self.tell(|| format!("central: {key} is deleted{}", if known { "" } else { ", before the bridge knew it as done" }));
                return;
            }
            // As Odoo's own form does it: the line is written through its order.
            (4, Some(line)) if state == "draft" => self
                .central
                .update("sale.order.line", line, [("price_unit", 12.34.into())])
                .and_then(|()| self.central.update("sale.order", id, [("note", "corrected".into())])),
            _ => self.central.update("sale.order", id, [("note", format!("seen at {}", self.now_s).into())]),
        };
        done.expect("done");
        self.fired(22);
        let picture = self.picture(id);
        self.truth.touched.insert(key.clone(), Touch::Left(picture));
        self.tell(|| format!("central: {key} is {}", ["confirmed", "cancelled", "annotated", "annotated", "edited", "annotated"][what]));
        self.wait(3);
    }

    /// Central gets a product that it lacked, and somebody retries one order that waits for it: the others follow. Or a
    /// product that nothing names goes again.
    pub fn product_at_central(&mut self) {
        let code = self.random.one_of(&UNKNOWN.map(|code| code));
        let found = self.central.with(|db| find(db, "product.product", "default_code", code));
        if let Some(id) = found {
            let used = self.central.with(|db| {
                ids(db, "sale.order.line").into_iter().any(|line| Reader::new(db, "sale.order.line", line).link("product_id") == Some(id))
            });
            if self.random.below(if used { 2 } else { 3 }) == 0 && self.delete_drafts_with(id) {
                self.central.delete("product.product", id).expect("deleted");
                self.fired(35);
                self.tell(|| format!("central: {code} is deleted"));
            }
            return;
        }
        let values = [("name", Value::from("New")), ("default_code", code.into())];
        self.central.insert("product.product", values).expect("created");
        self.fired(35);
        self.tell(|| format!("central: {code} is created"));
        self.retry_one_of_each();
    }

    /// Somebody deletes the drafts that name a product, if none is confirmed: whether they are gone.
    fn delete_drafts_with(&mut self, product: i64) -> bool {
        let drafts: BTreeSet<i64> = self.central.with(|db| {
            let lines = ids(db, "sale.order.line").into_iter().map(|line| Reader::new(db, "sale.order.line", line));
            lines.filter(|line| line.link("product_id") == Some(product)).filter_map(|line| line.link("order_id")).collect()
        });
        let confirmed = self.central.with(|db| drafts.iter().any(|id| Reader::new(db, "sale.order", *id).text("state") == "sale"));
        if confirmed {
            return false;
        }
        let named = self.drafts().into_iter().filter(|(key, id)| drafts.contains(id) && known_model(self, key));
        for (key, id) in named.collect::<Vec<_>>() {
            let known = self.known_as_done(&key);
            self.central.delete("sale.order", id).expect("deleted");
            self.truth.touched.insert(key.clone(), Touch::Deleted { for_good: known });
            self.tell(|| format!("central: {key} is deleted{}", if known { "" } else { ", before the bridge knew it as done" }));
        }
        true
    }

    /// Whether the bridge knows an order as done, and a copied machine, with settings of its own, does so too.
    fn known_as_done(&self, key: &str) -> bool {
        let done = |ledger: &Ledger| ledger.rows().get(key).is_some_and(|row| row.state == "done");
        done(&self.ledger) && self.twins_ledger().is_none_or(|ledger| done(&ledger))
    }

    /// What the copied machine has in its state directory.
    fn twins_ledger(&self) -> Option<Ledger> {
        self.twin.as_ref().map(|twin| Ledger::new(twin.path().join("state"), false))
    }

    /// Retries one failed order of each cause and subject: what waits for the same goes along.
    pub fn retry_one_of_each(&mut self) {
        let rows = self.ledger.rows();
        let mut seen = BTreeSet::new();
        let chosen: Vec<i64> =
            rows.values().filter(|row| row.state == "failed" && seen.insert(row.problems.clone())).map(|row| row.record).collect();
        if chosen.is_empty() {
            return;
        }
        let retried = self.store().retry(&Filter { ids: chosen, ..Filter::default() }, false, self.clock.now()).expect("retried");
        self.fired(27);
        self.tell(|| format!("bridge: retry of {} records", retried.len()));
    }

    /// Retries everything, or writes again by number what was deleted for no reason, or ignores something.
    pub fn decide(&mut self) {
        let rows = self.ledger.rows();
        match self.random.below(3) {
            0 => {
                let retried = self.store().retry(&Filter::default(), false, self.clock.now()).expect("retried");
                self.fired(27);
                self.tell(|| format!("bridge: retry --all, {} records", retried.len()));
            }
            1 => {
                let failed: Vec<_> =
                    rows.iter().filter(|(_, row)| row.state == "failed" && !row.unknown && row.central_id.is_none()).collect();
                if failed.is_empty() {
                    return;
                }
                let (key, row) = failed[self.random.below(failed.len())];
                if self.drafts().contains_key(key) {
                    return;
                }
                let filter = Filter { ids: vec![row.record], ..Filter::default() };
                self.store().ignore(&filter, "not needed", self.clock.now()).expect("ignored");
                self.truth.ignored.insert(key.clone());
                // A copied machine does not know of it.
                if self.twin.is_none() {
                    self.truth.ignored_for_good.insert(key.clone());
                }
                self.fired(27);
                self.tell(|| format!("bridge: ignore {key}"));
            }
            _ => {
                let gone: Vec<_> = rows
                    .iter()
                    .filter(|(key, row)| row.state == "done" && matches!(self.truth.touched.get(*key), Some(Touch::Deleted { .. })))
                    .collect();
                if gone.is_empty() {
                    return;
                }
                let (key, row) = gone[self.random.below(gone.len())];
                let filter = Filter { ids: vec![row.record], ..Filter::default() };
                self.store().retry(&filter, true, self.clock.now()).expect("retried");
                self.truth.touched.remove(key);
                self.truth.recreated.insert(key.clone());
                self.fired(27);
                self.tell(|| format!("bridge: retry --recreate {key}"));
            }
        }
    }

    /// The operator retries everything, because central refused what it should not have.
    pub fn decide_all(&mut self) {
        let retried = self.store().retry(&Filter::default(), false, self.clock.now()).expect("retried");
        self.tell(|| format!("bridge: retry --all, {} records", retried.len()));
    }

    pub fn store(&self) -> Store {
        Store::open(&self.state()).expect("a ledger")
    }

    /// A backup of the ledger is made, or the one that was made is put back.
    pub fn ledger_backup(&mut self) {
        if self.copied_branch || self.swapped {
            return; // of two branches with the same orders, the first one that comes would have them
        }
        let state = self.state();
        let file = self.directory.path().join("backup.sqlite");
        let Some(image) = self.ledger_image.take() else {
            let _ = std::fs::remove_file(&file);
            if self.random.below(2) == 0 {
                self.store().backup(&file).expect("a backup");
                self.ledger_image = Some(file);
                self.tell(|| "a backup of the ledger is made".to_owned());
            } else {
                let whole = self.directory.path().join("state-copy");
                let _ = std::fs::remove_dir_all(&whole);
                copy(&state, &whole);
                self.ledger_image = Some(whole);
                self.tell(|| "a copy of the state directory is made".to_owned());
            }
            return;
        };
        self.daemon = None;
        self.ledger.close();
        if image == file {
            let lock = Lock::alone(&state, "restore").expect("nobody at work");
            restore(&lock, &state, &file, self.clock.now()).expect("restored");
        } else {
            std::fs::remove_dir_all(&state).expect("removed");
            copy(&image, &state);
        }
        self.truth.older_content = true;
        // What people had mended and retried since is to be retried once more.
        self.truth.refused = true;
        // What that ledger does not know as done, it cannot know as deleted.
        let rows = self.ledger.rows();
        self.truth.ignored_for_good.retain(|key| rows.get(key).is_some_and(|row| row.state == "ignored"));
        self.central_lost.clear();
        for (key, touch) in &mut self.truth.touched {
            if let Touch::Deleted { for_good } = touch {
                *for_good &= rows.get(key).is_some_and(|row| row.state == "done");
            }
        }
        // An older ledger knows nothing of a person's having asked for a deleted draft again: what was not written by then stays away.
        let drafts = self.drafts();
        for key in std::mem::take(&mut self.truth.recreated) {
            if !drafts.contains_key(&key) && rows.get(&key).is_some_and(|row| row.state == "done") {
                self.truth.touched.insert(key, Touch::Deleted { for_good: true });
            }
        }
        let (known, orphans) = std::mem::take(&mut self.truth.vanished).into_iter().partition(|(key, _)| rows.contains_key(key));
        self.truth.vanished = known;
        self.truth.orphans.extend(orphans);
        self.told.clear();
        self.fired(24);
        self.tell(|| format!("an older ledger is put back ({} orders)", rows.len()));
    }

    /// A backup of central is made, or the one that was made is put back.
    pub fn central_backup(&mut self) {
        let Some((image, touched)) = self.central_image.take() else {
            self.central_image = Some((self.central.image(), self.truth.touched.clone()));
            self.tell(|| "a backup of central is made".to_owned());
            return;
        };
        self.head.lose_late();
        let before = self.drafts();
        let pictures: Vec<_> = before.iter().map(|(key, id)| (key.clone(), *id, self.picture(*id))).collect();
        self.central.put_back(image);
        let after = self.drafts();
        let lost = before.keys().filter(|key| !after.contains_key(*key)).count();
        let changed = pictures.into_iter().filter(|(key, id, picture)| after.contains_key(key) && self.picture(*id) != *picture);
        let changed: BTreeSet<String> = changed.map(|(key, _, _)| key).collect();
        self.truth.went_back.extend(changed);
        // What somebody had deleted since comes back as it was then.
        self.truth.went_back.extend(after.keys().filter(|key| !before.contains_key(*key)).cloned());
        let rows = self.ledger.rows();
        self.central_has_lost(&rows, &after);
        let mut now = touched;
        // A draft that is newer than the backup does not come back, if somebody has deleted it.
        let deleted = |(key, touch): &(&String, &Touch)| matches!(touch, Touch::Deleted { .. }) && !after.contains_key(*key);
        now.extend(self.truth.touched.iter().filter(deleted).map(|(key, touch)| (key.clone(), touch.clone())));
        // What was deleted before stays deleted; what the ledger says of it is what it says now.
        for (key, touch) in &mut now {
            if let Touch::Deleted { for_good } = touch {
                *for_good &= rows.get(key).is_some_and(|row| row.state == "done");
            }
        }
        self.truth.touched = now;
        self.truth.central_restored |=
            before.keys().any(|key| !after.contains_key(key) && rows.get(key).is_some_and(|row| row.state == "done"));
        // What waited for a person because of what somebody had changed there is to be tried again.
        self.truth.refused = true;
        self.fired(21);
        self.tell(|| format!("central is put back from a backup: {lost} drafts are gone"));
    }

    /// The operator writes again what central lost, by what the ledger says of it; what people deleted stays so.
    pub fn recreate_lost(&mut self) {
        let drafts = self.drafts();
        let deleted = |key: &str| matches!(self.truth.touched.get(key), Some(Touch::Deleted { .. }));
        let rows = self.ledger.rows();
        let lost: Vec<i64> = rows
            .iter()
            .filter(|(key, row)| {
                // Where fewer than five are gone the ledger says of a draft that waited for a person that somebody has deleted it.
                let waited =
                    row.state == "failed" && row.cause.as_deref().is_some_and(|cause| ["draft_lost", "draft_deleted"].contains(&cause));
                let lost = row.state == "done" || waited;
                // Central can have another draft of it than the lost one: a copied machine's, back from the backup.
                lost && (!drafts.contains_key(*key) || row.tells("draft_lost")) && !deleted(key)
            })
            .map(|(_, row)| row.record)
            .collect();
        if lost.is_empty() {
            return;
        }
        let count = lost.len();
        self.store().retry(&Filter { ids: lost, ..Filter::default() }, true, self.clock.now()).expect("retried");
        self.tell(|| format!("bridge: retry --recreate of {count} records that central lost"));
    }

    /// A backup of a branch is made, or the one that was made is put back.
    pub fn branch_backup(&mut self, shop: usize) {
        let code = self.shops[shop].code.clone();
        // Nor can a branch be told that goes back before it was known again under the address that was put right.
        let known = || self.ledger.rows().values().any(|row| row.branch == code);
        if self.swapped || self.shops[shop].image.is_some() && known() && !self.ledger.recognizes(&code) {
            return; // see swap_branches
        }
        let Some(image) = self.shops[shop].image.take() else {
            self.shops[shop].image = Some(self.shops[shop].db.image());
            self.tell(|| format!("a backup of {code} is made"));
            return;
        };
        let rows = self.ledger.rows();
        let all = self.orders(shop, &SOLD);
        let before: Vec<_> = all.into_iter().map(|id| self.expected(shop, id)).collect();
        self.shops[shop].pending.clear();
        self.shops[shop].db.put_back(image);
        // What is open again was not sold yet.
        let sold = self.orders(shop, &SOLD);
        let kept: BTreeSet<String> = sold.into_iter().map(|id| self.expected(shop, id).key()).collect();
        let drafts = self.drafts();
        let of_twin = self.twins_ledger().map(|ledger| ledger.rows()).unwrap_or_default();
        for order in before {
            let key = order.key();
            if kept.contains(&key) {
                self.truth.versions.entry(key).or_default().push(order);
            } else if rows.contains_key(&key) {
                // An order that is open again can be paid, written and lost more than once.
                if let Some(earlier) = self.truth.vanished.insert(key.clone(), order) {
                    self.truth.versions.entry(key).or_default().push(earlier);
                }
            } else if drafts.contains_key(&key) || of_twin.contains_key(&key) {
                self.truth.orphans.insert(key, order); // a copied machine has written it, or will
            }
        }
        self.truth.older_content = true;
        self.fired(19);
        self.tell(|| format!("{code} is put back from a backup"));
    }

    /// A copy of the first branch's database gets a table in the settings, or loses it.
    pub fn copied_branch(&mut self) {
        // By what was never received, or went back to before that, nobody can tell a copy from the branch itself.
        let rows = self.ledger.rows();
        let known = self.orders(0, &SOLD).into_iter().any(|order| rows.contains_key(&self.expected(0, order).key()));
        if !self.copied_branch && !known {
            return;
        }
        self.copied_branch = !self.copied_branch;
        if self.copied_branch {
            let mut image = self.shops[0].db.image();
            image.name = "copy".to_owned();
            self.field.add(image);
            self.fired(20);
        }
        self.write_settings();
        self.seal();
        let there = self.copied_branch;
        self.tell(|| format!("settings: a copy of b1 is {}", if there { "added as a branch" } else { "taken out again" }));
    }

    /// Somebody swaps the databases of two branches in the settings, or puts them right.
    pub fn swap_branches(&mut self) {
        let rows = self.ledger.rows();
        let known = |code: &str| rows.values().any(|row| row.branch == code);
        // A database that went back knows no order by which it could be told from another's.
        let went_back = self.shops.iter().any(|shop| shop.db.with(|db| db.life > 0));
        if !self.swapped && (self.shops.len() < 2 || !known("b1") || !known("b2") || went_back) {
            return;
        }
        self.swapped = !self.swapped;
        if self.swapped {
            self.fired(20);
        }
        self.write_settings();
        self.seal();
        let swapped = self.swapped;
        self.tell(|| format!("settings: the databases of b1 and b2 are {}", if swapped { "swapped" } else { "put right" }));
    }

    /// Somebody edits branches.toml.
    pub fn edit_settings(&mut self) {
        match self.random.below(4) {
            3 => self.settings.one_shop = false,
            0 => self.settings.limit = [Some("5.00"), Some("0.05"), Some("0.50")][self.random.below(3)],
            1 => self.settings.overlap_m = self.settings.overlap_m.max([15, 60, 90][self.random.below(3)]),
            _ => self.settings.closed_only = false,
        }
        self.write_settings();
        self.fired(28);
        let settings = format!("{:?}", self.settings);
        self.tell(|| format!("settings edited: {settings}"));
    }

    /// The machine is copied with its state directory, or the copy goes.
    pub fn twin(&mut self) {
        if self.twin.take().is_some() {
            self.tell(|| "the copied machine is gone".to_owned());
            return;
        }
        let twin = temporary();
        copy(self.directory.path(), twin.path());
        self.twin = Some(twin);
        self.truth.older_content = true;
        self.truth.ignored_for_good.clear(); // the copy does not know of what is ignored here
        self.fired(26);
        self.tell(|| "the machine is copied with its state directory, and both run".to_owned());
    }

    /// The bridge's clock jumps.
    pub fn jump(&mut self) {
        let to = [0, 3_600, -3_600, 86_400, -86_400, 7][self.random.below(6)];
        self.set_ahead(to);
        self.fired(30);
        self.tell(|| format!("the bridge's clock is now {to} s ahead"));
    }
}

/// Whether an external id is that of an order, not of a line.
fn known_model(world: &World, key: &str) -> bool {
    world.central.by_xid(&format!("__posbridge.{key}")).is_some_and(|(model, _)| model == "sale.order")
}
