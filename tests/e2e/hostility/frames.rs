//! gRPC that is none: messages, paths, types.

use super::{Case, EXHAUSTED, GRPC_OK, INVALID, UNIMPLEMENTED, hold_out};
use crate::hostile::framed;

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

fn cases() -> Vec<Case> {
    let prefix = |flag: u8, length: u32, rest: &[u8]| [&[flag][..], &length.to_be_bytes(), rest].concat();
    vec![
        Case::call("no message", TRACES, b"", INVALID),
        Case::call("half a prefix", TRACES, b"\0\0", INVALID),
        Case::call("a prefix alone that promises more", TRACES, prefix(0, 5, b""), INVALID),
        Case::call("an empty message", TRACES, framed(0, b""), GRPC_OK),
        Case::call("a message shorter than it says", TRACES, prefix(0, 9, b"\x0a\x02\x12\x00"), INVALID),
        Case::call("a message longer than it says", TRACES, prefix(0, 1, b"\x0a\x02\x12\x00"), INVALID),
        Case::call("two messages", TRACES, [framed(0, b""), framed(0, b"")].concat(), INVALID),
        Case::call("a thousand messages", TRACES, framed(0, b"").repeat(1_000), INVALID),
        Case::call("a flag of 2", TRACES, framed(2, b""), INVALID),
        Case::call("a flag of 255", TRACES, framed(255, b""), INVALID),
        Case::call("a compressed flag and no encoding", TRACES, framed(1, b"x"), INVALID),
        Case::call("a compressed flag and identity", TRACES, framed(1, b"x"), INVALID)
            .with("grpc-encoding", "identity"),
        Case::call("a message of 4 GiB by its prefix", TRACES, prefix(0, u32::MAX, b""), EXHAUSTED),
        Case::call(
            "a message of 20 MiB and one byte by its prefix",
            TRACES,
            prefix(0, 20 * 1024 * 1024 + 1, b""),
            EXHAUSTED,
        ),
        Case::call("text as a message", TRACES, framed(0, b"hello, is anybody there?"), INVALID),
        Case::call("JSON as a message", TRACES, framed(0, b"{\"resourceSpans\":[]}"), INVALID),
        Case::call("a service nobody has", "/cats.v1.Cats/Export", framed(0, b""), UNIMPLEMENTED),
        Case::call(
            "a method nobody has",
            "/opentelemetry.proto.collector.trace.v1.TraceService/Import",
            framed(0, b""),
            UNIMPLEMENTED,
        ),
        Case::call(
            "a path in small letters",
            "/opentelemetry.proto.collector.trace.v1.traceservice/export",
            framed(0, b""),
            UNIMPLEMENTED,
        ),
        Case::call("the root", "/", framed(0, b""), UNIMPLEMENTED),
        Case::call(
            "reflection",
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            framed(0, b""),
            UNIMPLEMENTED,
        ),
        Case::call("a timeout that is none", TRACES, framed(0, b""), &[1000, 1003])
            .with("grpc-timeout", "soon"),
        Case::call("binary metadata that is none", TRACES, framed(0, b""), GRPC_OK).with("x-bin", "%%%"),
        Case::call(
            "spans to the logs",
            "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            framed(0, b"\x0a\x0c\x12\x0a\x12\x08\x0a\x04abcd\x2a\x00"),
            INVALID,
        ),
    ]
}

#[tokio::test]
async fn grpc_that_is_none_is_refused() {
    hold_out("gRPC", cases(), 24).await;
}
