//! Steps of runbooks: child processes and requests, each within its bounds. What becomes of a step is told exactly once;
//! whether it is to be done is decided elsewhere.

mod vault;

pub use vault::{Settings, StepSecrets, Vault};
