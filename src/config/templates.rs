//! Texts of integrations with fields to be filled in, as Alertmanager's templates have them.

use super::Reading;
use super::node::Node;
use super::reader::{self, Fields};
use crate::respond::{TEMPLATE_FIELDS, Template};

/// `None` where there is none, and where it asks for what we do not compute: Evenkeel's own text is used.
pub(super) fn of(ctx: &mut Reading<'_>, fields: Fields<'_>, key: &str) -> Option<Template> {
    at(ctx, fields.get(key)?, key)
}

pub(super) fn needed(ctx: &mut Reading<'_>, fields: Fields<'_>, key: &'static str) -> Option<Template> {
    let node = fields.required(&mut ctx.report, key)?;
    at(ctx, node, key)
}

fn at(ctx: &mut Reading<'_>, node: &Node, key: &str) -> Option<Template> {
    let text = reader::text(&mut ctx.report, node, key)?;
    let template = Template::parse(text);
    if template.is_none() {
        let message = format!("this template of `{key}` is not understood: what Evenkeel would say is used");
        ctx.report.warn("W0504", node.at, message, TEMPLATE_FIELDS);
    }
    template
}

/// Names with texts.
pub(super) fn named(ctx: &mut Reading<'_>, fields: Fields<'_>, key: &str) -> Vec<(String, Template)> {
    let Some(node) = fields.get(key) else { return Vec::new() };
    let Some(entries) = node.entries() else {
        reader::wrong_type(&mut ctx.report, node, &format!("`{key}` is a mapping"));
        return Vec::new();
    };
    let texts = entries.iter().filter(|(_, node)| !node.is_null());
    texts.filter_map(|(name, node)| Some((name.text.clone(), at(ctx, node, key)?))).collect()
}
