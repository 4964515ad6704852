//! `kafka.tls` and `kafka.sasl`: how brokers are known, and how we are. Files of TLS are looked into, not kept.

use std::path::Path;

use super::Reading;
use super::address;
use super::kafka::{Mechanism, Sasl, Tls};
use super::node::{Node, Place};
use super::reader::{self, Fields};
use super::{secrets, tls};

pub(super) fn tls(ctx: &mut Reading<'_>, node: &Node, folder: &Path) -> Option<Tls> {
    let fields = Fields::new(&mut ctx.report, node, "kafka.tls", &["ca_file", "cert_file", "key_file"])?;
    let is_there = |key| fields.get(key).is_some();
    for (key, other) in [("cert_file", "key_file"), ("key_file", "cert_file")] {
        if is_there(key) && !is_there(other) {
            let message = format!("`{key}` without `{other}`: a certificate and its key belong together");
            ctx.report.error("E0222", fields.place_of(key), message);
            return None;
        }
    }
    let [ca_file, cert_file, key_file] = tls::of_client(ctx, fields, folder)?;
    Some(Tls { ca_file, cert_file, key_file })
}

pub(super) fn sasl(ctx: &mut Reading<'_>, node: &Node, folder: &Path) -> Option<Sasl> {
    let known = ["mechanism", "username", "password", "password_file"];
    let fields = Fields::new(&mut ctx.report, node, "kafka.sasl", &known)?;
    let words = Mechanism::ALL.map(|one| (one.as_str(), one));
    let mechanism = fields.required(&mut ctx.report, "mechanism");
    let mechanism = mechanism.and_then(|node| reader::word(&mut ctx.report, node, "mechanism", &words));
    let username = fields.required_text(&mut ctx.report, "username").map(str::to_owned);
    if username.as_ref().is_some_and(String::is_empty) {
        ctx.report.error("E0214", fields.place_of("username"), "`username` is empty");
    }
    let (password, _) = secrets::needed(ctx, fields, ["password", "password_file"], folder)?;
    Some(Sasl { mechanism: mechanism?, username: username?, password })
}

pub(super) fn warn_unencrypted(ctx: &mut Reading<'_>, at: Place, sasl: Option<&Sasl>, brokers: &[String]) {
    if brokers.iter().all(|broker| address::parse(broker).is_ok_and(|address| address.loopback)) {
        return;
    }
    let message = match sasl.map(|sasl| sasl.mechanism) {
        None => return,
        Some(Mechanism::Plain) => "the password crosses the network in clear text",
        Some(Mechanism::ScramSha256 | Mechanism::ScramSha512) => {
            "records cross the network in clear text, and with them what a password can be guessed by"
        }
    };
    ctx.report.warn("W0206", at, message, "set `kafka.tls`; `tls: {}` trusts the machine's authorities");
}
