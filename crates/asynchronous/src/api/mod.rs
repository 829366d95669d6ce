//! What destinations get, in AWS's shapes.

pub(crate) mod record;
