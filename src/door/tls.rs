//! TLS of the listeners: what the files hold becomes one setting a listener, and is made anew when a file has
//! changed. Files that do not go together leave the last good setting in force, and that is said.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{InconsistentKeys, RootCertStore, ServerConfig};

use super::Listener;
use super::files::{Stamp, is_open_to_all};

const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Files of PEM text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The listeners' certificate, and those between it and its authority.
    pub cert: PathBuf,
    pub key: PathBuf,
    /// Whose certificates clients must show. None: clients show none.
    pub client_ca: Option<PathBuf>,
}

/// Which of the files a trouble is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFile {
    Cert,
    Key,
    ClientCa,
}

/// `why` is a sentence's end: "FILE holds no certificate".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsTrouble {
    pub file: TlsFile,
    pub why: String,
}

/// The texts of the files.
#[derive(Clone, Copy, Debug)]
pub struct TlsTexts<'a> {
    pub cert: &'a str,
    pub key: &'a str,
    pub client_ca: Option<&'a str>,
}

impl TlsTexts<'_> {
    /// What keeps listeners from being opened with them.
    pub fn check(&self) -> Vec<TlsTrouble> {
        let each = [
            certificates(TlsFile::Cert, self.cert).err(),
            key(self.key).err(),
            self.client_ca.and_then(|text| roots(text).err()),
        ];
        let each: Vec<TlsTrouble> = each.into_iter().flatten().collect();
        if each.is_empty() { self.configs().err().into_iter().collect() } else { each }
    }

    fn configs(&self) -> Result<Configs, TlsTrouble> {
        let certs = certificates(TlsFile::Cert, self.cert)?;
        let key = key(self.key)?;
        let roots = self.client_ca.map(roots).transpose()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = |listener| {
            let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
            let builder = builder
                .with_safe_default_protocol_versions()
                .map_err(|error| trouble(TlsFile::Cert, &error))?;
            let builder = match &roots {
                None => builder.with_no_client_auth(),
                Some(roots) => {
                    let verifier =
                        WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(&provider));
                    // Health has to be told to those who have none; the others are refused by request.
                    let verifier = match listener {
                        Listener::Http => verifier.allow_unauthenticated(),
                        Listener::OtlpGrpc | Listener::OtlpHttp => verifier,
                    };
                    let verifier = verifier.build().map_err(|error| trouble(TlsFile::ClientCa, &error))?;
                    builder.with_client_cert_verifier(verifier)
                }
            };
            let mut config =
                builder.with_single_cert(certs.clone(), key.clone_key()).map_err(|error| match error {
                    rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsTrouble {
                        file: TlsFile::Key,
                        why: "does not belong to the certificate".to_owned(),
                    },
                    error => trouble(TlsFile::Cert, &error),
                })?;
            config.alpn_protocols = match listener {
                Listener::OtlpGrpc => vec![b"h2".to_vec()],
                Listener::OtlpHttp | Listener::Http => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            };
            Ok(Arc::new(config))
        };
        let [grpc, otlp, page] = Listener::ALL.map(config);
        Ok([grpc?, otlp?, page?])
    }
}

/// Whether a file has certificates, for whoever needs them: who is to be trusted is not for a listener to say.
pub fn check_certificates(text: &str) -> Result<(), TlsTrouble> {
    certificates(TlsFile::ClientCa, text).map(|_| ())
}

type Configs = [Arc<ServerConfig>; Listener::ALL.len()];

fn trouble(file: TlsFile, error: &dyn std::fmt::Display) -> TlsTrouble {
    TlsTrouble { file, why: format!("can not be used: {error}") }
}

fn certificates(file: TlsFile, text: &str) -> Result<Vec<CertificateDer<'static>>, TlsTrouble> {
    let read: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match read {
        Ok(certs) if certs.is_empty() => Err(TlsTrouble { file, why: "holds no certificate".to_owned() }),
        Ok(certs) => Ok(certs),
        Err(error) => Err(trouble(file, &error)),
    }
}

/// The reader's own words could quote the key, so they stay out of it.
fn key(text: &str) -> Result<PrivateKeyDer<'static>, TlsTrouble> {
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| {
        let encrypted = text.contains("ENCRYPTED");
        let why = match error {
            pem::Error::NoItemsFound if encrypted => {
                "is encrypted; it has to stand there without a passphrase"
            }
            pem::Error::NoItemsFound => "holds no private key",
            _ => "is no PEM text",
        };
        TlsTrouble { file: TlsFile::Key, why: why.to_owned() }
    })
}

fn roots(text: &str) -> Result<Arc<RootCertStore>, TlsTrouble> {
    let mut roots = RootCertStore::empty();
    for cert in certificates(TlsFile::ClientCa, text)? {
        roots.add(cert).map_err(|error| trouble(TlsFile::ClientCa, &error))?;
    }
    Ok(Arc::new(roots))
}

/// The settings in force.
#[derive(Debug)]
pub(super) struct Tls {
    files: TlsFiles,
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    configs: Configs,
    stamps: Stamps,
}

type Stamps = [Option<Stamp>; 3];

impl Tls {
    pub(super) fn read(files: &TlsFiles) -> io::Result<Self> {
        let stamps = files.stamps();
        if is_open_to_all(&files.key) {
            tracing::warn!(file = %files.key.display(), "door.key.readable_by_all");
        }
        let configs = files.configs()?;
        Ok(Self { files: files.clone(), state: RwLock::new(State { configs, stamps }) })
    }

    pub(super) fn config(&self, listener: Listener) -> Arc<ServerConfig> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&state.configs[listener as usize])
    }

    /// Whether clients must show a certificate.
    pub(super) fn asks_for_certificates(&self) -> bool {
        self.files.client_ca.is_some()
    }

    /// Reads what has changed on disk since the last look. Blocks. Connections that stand are not touched.
    pub(super) fn look(&self) {
        let stamps = self.files.stamps();
        if self.state.read().unwrap_or_else(PoisonError::into_inner).stamps == stamps {
            return;
        }
        let fresh = self.files.configs();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.stamps = stamps;
        match fresh {
            Ok(configs) => {
                state.configs = configs;
                tracing::info!("door.tls.reloaded");
            }
            // While a certificate and its key are replaced one after the other this is as it should be.
            Err(error) => tracing::warn!(%error, "door.tls.kept: the last good certificate stays in force"),
        }
    }
}

impl TlsFiles {
    fn stamps(&self) -> Stamps {
        let client_ca = self.client_ca.as_deref().and_then(Stamp::of);
        [Stamp::of(&self.cert), Stamp::of(&self.key), client_ca]
    }

    fn configs(&self) -> io::Result<Configs> {
        let (cert, key) = (text(&self.cert)?, text(&self.key)?);
        let client_ca = self.client_ca.as_deref().map(text).transpose()?;
        let texts = TlsTexts { cert: &cert, key: &key, client_ca: client_ca.as_deref() };
        texts.configs().map_err(|TlsTrouble { file, why }| {
            let path = match file {
                TlsFile::Cert => &self.cert,
                TlsFile::Key => &self.key,
                TlsFile::ClientCa => self.client_ca.as_ref().unwrap_or(&self.cert),
            };
            io::Error::other(format!("{} {why}", path.display()))
        })
    }
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    fn pair() -> (String, String) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    fn troubles(cert: &str, key: &str, client_ca: Option<&str>) -> Vec<(TlsFile, String)> {
        let found = TlsTexts { cert, key, client_ca }.check();
        found.into_iter().map(|trouble| (trouble.file, trouble.why)).collect()
    }

    #[test]
    fn a_certificate_its_key_and_an_authority_go_together() {
        let ((cert, key), (other, _)) = (pair(), pair());
        assert_eq!(troubles(&cert, &key, None), []);
        assert_eq!(troubles(&format!("{cert}{other}"), &format!("{cert}{key}"), Some(&cert)), []);
    }

    #[test]
    fn each_file_that_can_not_be_used_is_told() {
        let ((cert, key), (_, other)) = (pair(), pair());
        let told = |file, why: &str| (file, why.to_owned());
        assert_eq!(
            troubles("", "", Some("")),
            [
                told(TlsFile::Cert, "holds no certificate"),
                told(TlsFile::Key, "holds no private key"),
                told(TlsFile::ClientCa, "holds no certificate"),
            ]
        );
        assert_eq!(troubles(&cert, &other, None), [told(TlsFile::Key, "does not belong to the certificate")]);
        assert_eq!(troubles(&key, &key, None), [told(TlsFile::Cert, "holds no certificate")]);
        let encrypted = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
        let why = "is encrypted; it has to stand there without a passphrase";
        assert_eq!(troubles(&cert, &encrypted, None), [told(TlsFile::Key, why)]);
        let broken = key.replace("-----END", "----END");
        assert_eq!(troubles(&cert, &broken, None), [told(TlsFile::Key, "is no PEM text")]);
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let [(TlsFile::Cert, why)] = &troubles(garbage, &key, None)[..] else { panic!("the certificate") };
        assert!(why.starts_with("can not be used: "), "{why}");
    }
}
