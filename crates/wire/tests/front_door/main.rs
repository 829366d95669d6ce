//! The front door through a real socket, with handlers that show what they were given.
#![allow(clippy::expect_used)] // Helpers of tests may state what they take for granted.

mod answers;
mod bounds;
mod browsers;
mod guests;
mod life;
mod signatures;
mod sites;
mod streams;
mod world;
