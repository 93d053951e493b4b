//! DNS bytes.
