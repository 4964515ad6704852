//! Files of certificates and keys: the listeners' own, and those by which we are known to others. Looks into them, keeps
//! nothing of what they hold.

use std::path::{Path, PathBuf};

use super::Reading;
use super::node::{Node, Place};
use super::reader::Fields;
use crate::door::{TlsFile, TlsFiles, TlsTexts, check_certificates};

/// A file that is there: how the document calls it, where, and what it holds.
struct Found<'n> {
    path: &'n str,
    at: Place,
    file: PathBuf,
    text: String,
}

pub(super) fn read(ctx: &mut Reading<'_>, node: Option<&Node>, folder: &Path) -> Option<TlsFiles> {
    let known = ["cert_file", "key_file", "client_ca_file"];
    let fields = Fields::new(&mut ctx.report, node?, "tls", &known)?;
    for key in ["cert_file", "key_file"] {
        fields.required(&mut ctx.report, key);
    }
    let [cert, key, client_ca] = known.map(|key| found(ctx, fields, key, folder));
    if fields.get("client_ca_file").is_some() && client_ca.is_none() {
        return None;
    }
    let (cert, key) = (cert?, key?);
    let client_ca_text = client_ca.as_ref().map(|found| &*found.text);
    let texts = TlsTexts { cert: &cert.text, key: &key.text, client_ca: client_ca_text };
    let troubles = texts.check();
    for trouble in &troubles {
        let of = match trouble.file {
            TlsFile::Cert => &cert,
            TlsFile::Key => &key,
            TlsFile::ClientCa => client_ca.as_ref().unwrap_or(&cert),
        };
        ctx.report.error("E0219", of.at, format!("{} {}", of.path, trouble.why));
    }
    if !troubles.is_empty() {
        return None;
    }
    Some(TlsFiles { cert: cert.file, key: key.file, client_ca: client_ca.map(|found| found.file) })
}

/// `ca_file`, `cert_file` and `key_file`, each where it is named; the last two together.
pub(super) fn of_client(
    ctx: &mut Reading<'_>,
    fields: Fields<'_>,
    folder: &Path,
) -> Option<[Option<PathBuf>; 3]> {
    let keys = ["ca_file", "cert_file", "key_file"];
    let files = keys.map(|key| found(ctx, fields, key, folder));
    let mut sound = keys.iter().zip(&files).all(|(key, file)| fields.get(key).is_none() || file.is_some());
    let [ca, cert, key] = &files;
    if let Some(ca) = ca
        && let Err(trouble) = check_certificates(&ca.text)
    {
        sound = false;
        ctx.report.error("E0219", ca.at, format!("{} {}", ca.path, trouble.why));
    }
    if let (Some(cert), Some(key)) = (cert, key) {
        for trouble in (TlsTexts { cert: &cert.text, key: &key.text, client_ca: None }).check() {
            sound = false;
            let of = if trouble.file == TlsFile::Key { key } else { cert };
            ctx.report.error("E0219", of.at, format!("{} {}", of.path, trouble.why));
        }
    }
    sound.then(|| files.map(|found| found.map(|found| found.file)))
}

fn found<'n>(
    ctx: &mut Reading<'_>,
    fields: Fields<'n>,
    key: &'static str,
    folder: &Path,
) -> Option<Found<'n>> {
    let path = fields.text(&mut ctx.report, key)?;
    let at = fields.get(key)?.at;
    let file = folder.join(path);
    match ctx.world.read(&file) {
        Ok(text) => Some(Found { path, at, file, text }),
        Err(reason) => {
            ctx.report.error("E0411", at, format!("{path} can not be read: {reason}"));
            None
        }
    }
}
