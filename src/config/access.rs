//! `auth`: who may come in. Looks into the files of tokens, keeps nothing of what they hold.

use std::collections::BTreeMap;
use std::path::Path;

use super::Reading;
use super::node::{Node, Place};
use super::reader::{self, Fields};
use crate::door::{Rates, Role, TokenFile, token_in};

const TOKENS_MAX: usize = 100;
const RATE_MAX: u32 = 4_000_000_000;

#[derive(Debug, Default)]
pub(super) struct Access {
    pub tokens: Vec<TokenFile>,
    /// Tokens are asked for: also where each of them has a mistake.
    pub asked: bool,
}

pub(super) fn read(ctx: &mut Reading<'_>, node: Option<&Node>, folder: &Path) -> Access {
    let fields = node.and_then(|node| Fields::new(&mut ctx.report, node, "auth", &["tokens"]));
    let Some(fields) = fields else { return Access::default() };
    let nodes = fields.list(&mut ctx.report, "tokens");
    if let Some(node) = nodes.get(TOKENS_MAX) {
        ctx.report.error("E0215", node.at, format!("there are at most {TOKENS_MAX} tokens"));
    }
    let mut first = BTreeMap::new();
    let tokens: Vec<TokenFile> =
        nodes.iter().take(TOKENS_MAX).filter_map(|node| token(ctx, node, folder, &mut first)).collect();
    if tokens.len() == nodes.len() && !nodes.is_empty() {
        lonely_roles(ctx, &tokens, fields.place_of("tokens"));
    }
    Access { tokens, asked: !nodes.is_empty() }
}

fn token<'n>(
    ctx: &mut Reading<'_>,
    node: &'n Node,
    folder: &Path,
    first: &mut BTreeMap<&'n str, Place>,
) -> Option<TokenFile> {
    let fields = Fields::new(&mut ctx.report, node, "a token", &["name", "file", "role", "limits"])?;
    let name = name(ctx, fields, first);
    let words = Role::ALL.map(|role| (role.as_str(), role));
    let role = fields.required(&mut ctx.report, "role");
    let role = role.and_then(|node| reader::word(&mut ctx.report, node, "role", &words));
    let rates = rates(ctx, fields.get("limits"), &[]).0;
    if let (Some(node), Some(Role::Viewer | Role::Operator)) = (fields.get("limits"), role) {
        ctx.report.error("E0215", node.at, "`limits` are for tokens of role `ingest`");
    }
    let path = fields.required_text(&mut ctx.report, "file")?;
    let at = fields.get("file")?.at;
    let file = folder.join(path);
    match ctx.world.read(&file) {
        Err(reason) => {
            ctx.report.error("E0411", at, format!("{path} can not be read: {reason}"));
            return None;
        }
        Ok(text) => {
            if let Err(why) = token_in(&text) {
                let hint = "one token, such as `openssl rand -hex 32` makes";
                ctx.report.error_with("E0218", at, format!("{path} {why}"), hint);
                return None;
            }
        }
    }
    Some(TokenFile { name: name?, file, role: role?, rates })
}

/// What may be brought a second, and the fields for whatever else stands beside it.
pub(super) fn rates<'n>(
    ctx: &mut Reading<'_>,
    node: Option<&'n Node>,
    beside: &[&'static str],
) -> (Rates, Option<Fields<'n>>) {
    let known = [&["items_per_second", "bytes_per_second"], beside].concat();
    let fields = node.and_then(|node| Fields::new(&mut ctx.report, node, "limits", &known));
    let mut rate = |key| fields?.whole(&mut ctx.report, key, 1, RATE_MAX).map(u64::from);
    let rates =
        Rates { items_per_second: rate("items_per_second"), bytes_per_second: rate("bytes_per_second") };
    (rates, fields)
}

fn name<'n>(
    ctx: &mut Reading<'_>,
    fields: Fields<'n>,
    first: &mut BTreeMap<&'n str, Place>,
) -> Option<String> {
    let name = fields.required_text(&mut ctx.report, "name")?;
    let at = fields.get("name")?.at;
    if name.trim().is_empty() || name.len() > 128 {
        ctx.report.error("E0211", at, "a token's name has 1 to 128 characters");
        return None;
    }
    if let Some(before) = first.get(name) {
        let message = format!("a token named `{name}` exists, on line {}", before.line);
        ctx.report.error("E0212", at, message);
        return None;
    }
    first.insert(name, at);
    Some(name.to_owned())
}

/// A listener whose role nobody has is closed to all.
fn lonely_roles(ctx: &mut Reading<'_>, tokens: &[TokenFile], at: Place) {
    let needed = [Role::Ingest, Role::Viewer];
    for role in needed.into_iter().filter(|role| !tokens.iter().any(|token| token.role.covers(*role))) {
        let closed = match role {
            Role::Ingest => "nobody can send telemetry",
            Role::Viewer | Role::Operator => "nobody can read the page, the API and the metrics",
        };
        let message = format!("no token has role `{}`: {closed}", role.as_str());
        ctx.report.warn("W0205", at, message, "a token that is to do both stands there twice");
    }
}
