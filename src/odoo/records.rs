//! Records as a branch gives them, and the field lists that are asked for. The only place that knows how Odoo
//! versions differ.
