//! What steps need beside what the core knows of them: secrets, and what holds for all of them.

use std::collections::BTreeMap;

use crate::respond::{Secret, SigningKey};

/// By runbook and step.
pub type Vault = BTreeMap<(String, String), StepSecrets>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepSecrets {
    /// Of a command, by the names under which it gets them.
    pub named: Vec<(String, Secret)>,
    /// Of a request: what the header holds after its prefix.
    pub header: Option<Secret>,
    /// The keys that sign, the new one first.
    pub keys: Vec<SigningKey>,
    /// Certificates of authorities, as PEM, in place of the system's.
    pub authorities: Option<Vec<u8>>,
}

impl StepSecrets {
    /// As their files have them now. Blocks.
    pub(super) fn fresh(&self) -> Self {
        let key = |key: &SigningKey| SigningKey { id: key.id.clone(), secret: key.secret.fresh() };
        Self {
            named: self.named.iter().map(|(name, secret)| (name.clone(), secret.fresh())).collect(),
            header: self.header.as_ref().map(Secret::fresh),
            keys: self.keys.iter().map(key).collect(),
            authorities: self.authorities.clone(),
        }
    }
}

/// The part of a configuration that steps are done with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub vault: Vault,
    /// Of the runbooks' texts, by name: what was decided under another text gets no secret of this one.
    pub identities: BTreeMap<String, u64>,
    /// Signs the links by which a run is approved.
    pub link_key: Option<Secret>,
    /// What they begin with, where that is not our own address.
    pub link_base: Option<String>,
}
