//! How deep a JSON text nests, found before anybody recurses into it.

use crate::decode::Malformed;

/// The JSON parser's own limit, minus one: ours must be the one that speaks.
pub const PARSER_MAX: u32 = 127;

pub fn check(body: &[u8], depth_max: u32) -> Result<(), Malformed> {
    let depth_max = depth_max.min(PARSER_MAX);
    let (mut depth, mut in_text, mut escaped) = (0_u32, false, false);
    for (index, byte) in body.iter().copied().enumerate() {
        if in_text {
            in_text = escaped || byte != b'"';
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'[' | b'{' if depth == depth_max => return Err(too_deep(body, index, depth_max)),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

#[cold]
fn too_deep(body: &[u8], index: usize, depth_max: u32) -> Malformed {
    let before = &body[..index];
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
    Malformed::Undecodable(format!(
        "JSON nested deeper than {depth_max} levels at line {line} column {column}"
    ))
}
