//! The program as a person meets it: what he typed, what he reads, and the exit status. Nothing here looks inside, but
//! for the ledger, which has to be whole after everything that goes wrong.

mod alerts;
mod audit;
mod backup;
mod bundle;
mod disk;
mod fake;
mod keys;
mod output;
mod place;
mod reconcile;
mod replies;
mod send;
mod settings;
mod smtp;
