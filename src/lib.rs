//! posbridge: the POS orders of many branches become draft sales orders in one central Odoo, exactly once.
pub mod cli;
pub mod config;
pub mod demo;
pub mod mapping;
pub mod model;
pub mod odoo;
pub mod problem;
pub mod secret;
pub mod store;
pub mod sync;
