//! Bounds of connections to the admin socket, and strange bytes.
