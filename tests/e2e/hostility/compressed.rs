//! Bodies in encodings: broken, chained, and far larger than they look.

use std::io::Write;

use super::{BAD, Case, EXHAUSTED, INVALID, JSON, OK, PROTOBUF, TOO_LARGE, UNIMPLEMENTED, UNKNOWN, hold_out};
use crate::hostile::framed;
use crate::sink::spans;

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// Gzip of so many MiB of one byte, without holding them.
fn gzip_bomb(mib: usize, byte: u8) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let piece = vec![byte; 1 << 20];
    (0..mib).for_each(|_| encoder.write_all(&piece).unwrap());
    encoder.finish().unwrap()
}

fn zstd_bomb(mib: usize, window_log: u32) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(window_log).unwrap();
    let piece = vec![b' '; 1 << 20];
    (0..mib).for_each(|_| encoder.write_all(&piece).unwrap());
    encoder.finish().unwrap()
}

fn cases() -> Vec<Case> {
    let plain = spans(1_000..1_020, true);
    let (gz, zs) = (gzip(plain.as_bytes()), zstd::bulk::compress(plain.as_bytes(), 3).unwrap());
    let (half_gz, half_zs) = (gz[..gz.len() / 2].to_vec(), zs[..zs.len() / 2].to_vec());
    let mut wrong_length = gz.clone();
    *wrong_length.last_mut().unwrap() ^= 1;
    let empty_members = [gzip(b"").repeat(50_000), gzip(b"{}")].concat();
    let post = |name: &str, encoding, body: Vec<u8>, right| {
        Case::post(name, JSON, body, right).with("content-encoding", encoding)
    };
    vec![
        post("an encoding nobody has", "cats", plain.clone().into(), UNKNOWN),
        post("brotli", "br", plain.clone().into(), UNKNOWN),
        post("deflate", "deflate", plain.clone().into(), UNKNOWN),
        post("lz4", "lz4", plain.clone().into(), UNKNOWN),
        post("gzip in gzip", "gzip, gzip", gzip(&gz), UNKNOWN),
        post("zstd in gzip", "zstd, gzip", gzip(&zs), UNKNOWN),
        post("gzip twice under one name", "gzip", gzip(&gz), BAD),
        post("an encoding of 60 KB", "gzip", plain.clone().into(), BAD),
        post("plain text as gzip", "gzip", plain.clone().into(), BAD),
        post("plain text as zstd", "zstd", plain.clone().into(), BAD),
        post("zstd as gzip", "gzip", zs.clone(), BAD),
        post("gzip as zstd", "zstd", gz.clone(), BAD),
        Case::post("gzip that nobody announced", JSON, gz.clone(), BAD),
        Case::post("zstd that nobody announced", PROTOBUF, zs.clone(), BAD),
        post("nothing as gzip", "gzip", Vec::new(), BAD),
        post("nothing as zstd", "zstd", Vec::new(), BAD),
        post("half of gzip", "gzip", half_gz, BAD),
        post("half of zstd", "zstd", half_zs, BAD),
        post("gzip with a wrong length", "gzip", wrong_length, BAD),
        post("gzip with noise behind", "gzip", [gz.clone(), b"noise".to_vec()].concat(), BAD),
        post("zstd with noise behind", "zstd", [zs.clone(), b"noise".to_vec()].concat(), BAD),
        post("50,000 empty members of gzip", "gzip", empty_members, OK),
        post("a member cut in two", "gzip", [gzip(b"{"), gzip(b"}")].concat(), OK),
        post(
            "two frames of zstd",
            "zstd",
            [zstd::bulk::compress(b"{", 1).unwrap(), zstd::bulk::compress(b"}", 1).unwrap()].concat(),
            OK,
        ),
        post(
            "a skippable frame of zstd",
            "zstd",
            [&b"\x50\x2a\x4d\x18\x04\0\0\0abcd"[..], &zstd::bulk::compress(b"{}", 1).unwrap()].concat(),
            OK,
        ),
        post("100 MiB of spaces as gzip", "gzip", gzip_bomb(100, b' '), TOO_LARGE),
        post("1 GiB of zeros as gzip", "gzip", gzip_bomb(1024, 0), TOO_LARGE),
        post("1 GiB of spaces as zstd", "zstd", zstd_bomb(1024, 20), TOO_LARGE),
        post("a window of 128 MiB", "zstd", zstd_bomb(200, 27), &[400, 413]),
        Case::call("a gzip bomb over gRPC", TRACES, framed(1, &gzip_bomb(1024, 0)), EXHAUSTED)
            .with("grpc-encoding", "gzip"),
        Case::call("a zstd bomb over gRPC", TRACES, framed(1, &zstd_bomb(1024, 20)), EXHAUSTED)
            .with("grpc-encoding", "zstd"),
        Case::call("plain text as gzip over gRPC", TRACES, framed(1, plain.as_bytes()), INVALID)
            .with("grpc-encoding", "gzip"),
        Case::call("snappy over gRPC", TRACES, framed(1, b"x"), UNIMPLEMENTED)
            .with("grpc-encoding", "snappy"),
        Case::call("deflate over gRPC", TRACES, framed(1, b"x"), UNIMPLEMENTED)
            .with("grpc-encoding", "deflate"),
    ]
}

#[tokio::test]
async fn what_is_packed_wrongly_or_too_well_is_refused() {
    hold_out("encodings", cases(), 30).await;
}
