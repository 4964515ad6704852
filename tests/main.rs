//! The tests that need no other program, in one binary: linked once.

mod architecture;
mod counts;
mod levels;
