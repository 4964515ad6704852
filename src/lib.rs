//! Evenkeel in reading order: the pure steps of the data's way first, the edges around them after.

pub mod model;

pub mod decode;

pub mod classify;

pub mod sli;

pub mod slo;

pub mod alert;

pub mod engine;

pub mod respond;

pub mod config;
