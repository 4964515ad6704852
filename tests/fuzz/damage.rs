//! What happens to bytes on their way, and what a hostile sender does to them.

use super::make::Chance;

pub fn damaged(chance: &mut Chance, mut body: Vec<u8>) -> Vec<u8> {
    for _ in 0..=chance.below(4) {
        if body.is_empty() {
            return body;
        }
        let at = chance.below(body.len());
        match chance.below(10) {
            0 => body[at] ^= 1 << chance.below(8),
            1 => {
                body[at] =
                    *chance.one_of(&[0, 1, 0x7f, 0x80, 0xff, b'"', b'{', b'}', b'[', b']', b',', b'\\'])
            }
            2 => body.truncate(at),
            3 => {
                let end = (at + 1 + chance.below(16)).min(body.len());
                body.drain(at..end);
            }
            4 => {
                let end = (at + 1 + chance.below(64)).min(body.len());
                let piece = body[at..end].to_vec();
                let to = chance.below(body.len());
                body.splice(to..to, piece);
            }
            5 => {
                let noise: Vec<u8> = (0..=chance.below(12)).map(|_| chance.next() as u8).collect();
                body.splice(at..at, noise);
            }
            6 => {
                let other = chance.below(body.len());
                body.swap(at, other);
            }
            7 => {
                // A varint of the largest number, where a length may stand.
                let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
                body.splice(at..=at, most);
            }
            8 => {
                // The rest, wrapped as a field of itself once more.
                let rest = body.split_off(at);
                let number = 1 + chance.below(15) as u8;
                body.push(number << 3 | 2);
                prost::encoding::encode_varint(rest.len() as u64, &mut body);
                body.extend(rest);
            }
            _ => {
                let deep = *chance.one_of(&[&b"\x0b"[..], b"[", b"{\"a\":", b"\x2a\x02\x0a\x00"]);
                let many = deep.repeat(1 + chance.below(80));
                body.splice(at..at, many);
            }
        }
    }
    body
}
