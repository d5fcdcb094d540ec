//! posbridge: the POS orders of many branches become draft sales orders in one central Odoo, exactly once; what central
//! decides about products, customers, taxes, payment methods and prices goes down to the branches.
//!
//! # From above
//!
//! A pass reads a branch, keeps what it read in the ledger, and writes from the ledger to central. The two halves share
//! nothing but the ledger, so either may stop, fail or be killed at any line:
//!
//! ```text
//! branch Odoo --receive--> ledger (SQLite, fsync'd) --map--> --deliver--> central Odoo
//!                             ^                                              |
//!                             +------------- record <------- prove <---------+
//! ```
//!
//! Sending goes the other way, and shares the ledger, the client and the create-once call. What is shown as a preview is
//! a list of items; the same items are queued, written, and told in the log:
//!
//! ```text
//! central --source--> compare (master_data) <--side-- branch
//!                        |
//!                        items --queue--> ledger --apply--> branch, read back
//! ```
//!
//! # Reading order
//!
//! 1. [`model`]: the nouns, with Odoo's own field names; ids typed by side. Pure.
//! 2. [`mapping`]: a POS order to the values of a draft, or all that is missing at once. Pure; the table of rules.
//! 3. [`master_data`]: a record of central against a branch's: what would change, field by field. Pure; `fields` is the
//!    table of what is sent, `matching` says which record is which.
//! 4. [`reconcile`]: one day of a branch against central and the ledger: equal, or what differs, order by order. Pure.
//!    [`sales`]: what the orders of a day came to, by hour, cashier, payment method and product. Pure.
//! 5. [`problem`]: everything that can go wrong, in words for people: English, and German for the dashboard. Pure; all
//!    sentences about failures.
//! 6. [`config`]: branches.toml to valid types, or every complaint at once.
//! 7. [`schedule`]: when passes start. Pure.
//! 8. [`odoo`]: the client of one database: calls, limits, kinds of failure. [`odoo::xmlrpc`] is the wire,
//!    [`odoo::records`] (orders) and [`odoo::master`] (master data) the fields, the create-once call and all that differs
//!    between Odoo versions.
//! 9. [`store`]: the ledger (`schema.sql` and the steps after it explain each table), the locks, the notes of the last passes.
//! 10. [`secret`]: passwords sealed to their branch, address and user.
//! 11. [`sync`]: where Odoo and ledger meet. `receive` reads, `deliver` writes and proves, `central` finds what the
//!     settings mean there and `bind` what a branch's records are, `pass` runs reading and writing side by side for
//!     each `branch`; `send` compares, queues and writes master data; `reconcile` holds days of both sides against each other; `load` repeats a call until each record is written or
//!     refused, `connection` logs in and is patient, `explain` turns failures of the wire into problems; `check`
//!     and `discover` ask what `posbridge check` and `init` want to know, `audit` what makes stock and prices drift. `timetable` says which pass starts when, without clock
//!     or network; `daemon` is the loop that starts them.
//!     `fingerprints` looks whether central still has the newest drafts, `sessions` reads the money and receipt numbers of tills.
//! 12. [`monitor`]: what the daemon counts, whether it is alive and ready. [`web`] answers it over HTTP to machines, and shows
//!     everything to people: `dashboard` lists its routes, `guard` looks at each request, one file a page. [`alerts`] tells people.
//! 13. [`cli`]: one file a verb.
//! 14. [`demo`]: an Odoo in memory behind real XML-RPC, for `posbridge demo` and the tests. [`clock`] and [`planted`] are there
//!     for the campaign (tests/campaign): a clock that it moves, bugs that it plants.
//!
//! # What always holds
//!
//! - **One place writes orders**: `sync::deliver`, by one call, [`odoo::records::create_once`]. Nothing is searched for
//!   first. On any doubt the same call is made again, and central answers with the draft that it has.
//! - **One place writes master data**: `sync::send::apply`. What the branch does not have is created once, what it has is
//!   read again and written only if it still is what the preview showed, and read back before it counts as done.
//! - **Never a guess** which record is meant: by the ledger, a person, or a key that fits one record alone.
//! - **Kept before sent.** An order is on the disk before central hears of it, and a call that may write is noted
//!   before it is sent. A crash at any line is a repetition, never a loss or a second draft.
//! - **Done is done.** What is proved is not sent again unless a person says so by number (`retry ID --recreate`);
//!   central's drafts are never changed, but for one adjustment line while the till's total is still being proved.
//! - **A draft is done only when read back**, with the till's total to the cent.
//! - **Neither ids nor times are in the order of commits.** Each pass looks at a window that overlaps the last one.
//! - **Equal is said only of what was read**: of both sides, to the end; whatever else happened is unproved.
//! - **Money is never a float**: a decimal from the text on the wire to the text in the ledger.
//! - **The sides' ids cannot be mixed**: a [`model::BranchId`] does not compile where a [`model::CentralId`] is wanted.
//! - **Arrows go down only.** `cli` reaches Odoo through [`sync`] alone; [`odoo`] and [`store`] do not know each other;
//!   [`model`], [`mapping`], [`master_data`], [`sales`] and [`problem`] see no clock, no network, no database.
//! - **The daemon's loop waits for nothing** but the next event; passes, disk and network run beside it. It may be killed at
//!   any line.
//! - **One bad order delays no other, one dead branch delays no other**, and the exit status still says so.
//! - **No secret** in a log, a `Debug`, an argument, an error or the ledger in the clear.
//! - **A limit on everything** that comes from outside or repeats: a constant with its reason beside it.
//!
//! Deliberately absent: a module on either Odoo, retries below the ledger, traits in front of our own types. The seam
//! for tests is the wire.

pub mod alerts;
mod blocking;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod mapping;
pub mod master_data;
pub mod model;
pub mod monitor;
pub mod odoo;
pub mod planted;
pub mod problem;
pub mod reconcile;
pub mod sales;
pub mod schedule;
pub mod secret;
pub mod store;
pub mod sync;
pub mod web;
