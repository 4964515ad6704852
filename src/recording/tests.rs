//! Recordings of a few entries, cut and damaged at every byte.
