//! HTTP/1 as it should not be.

use super::{BAD, CUT, Case, JSON, OK, PROTOBUF, Right, TOO_LARGE, UNKNOWN, hold_out};

const BAD_OR_CUT: Right = &[400, CUT];

fn head(line: &str, headers: &str) -> String {
    format!("{line}\r\nhost: x\r\n{headers}\r\n")
}

fn posted(headers: &str, body: &str) -> String {
    head("POST /v1/traces HTTP/1.1", &format!("content-type: application/json\r\n{headers}")) + body
}

fn lines() -> Vec<Case> {
    fn raw(name: &str, bytes: impl Into<Vec<u8>>, right: Right) -> Case {
        Case::raw(name, bytes, right)
    }
    vec![
        raw("no HTTP at all", "hello?\r\n\r\n", BAD_OR_CUT),
        raw("an answer instead of a request", "HTTP/1.1 200 OK\r\n\r\n", BAD_OR_CUT),
        raw("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20), BAD_OR_CUT),
        raw("zeros", vec![0; 4096], BAD_OR_CUT),
        raw("a method of symbols", head("P(ST /v1/traces HTTP/1.1", ""), BAD_OR_CUT),
        raw("a method in small letters", head("post /v1/traces HTTP/1.1", "content-length: 0\r\n"), &[405]),
        raw("HTTP/3.0", head("POST /v1/traces HTTP/3.0", ""), BAD_OR_CUT),
        raw("HTTP/0.9", "GET /v1/traces\r\n\r\n", BAD_OR_CUT),
        raw("a path with a zero byte", head("POST /v1/\0 HTTP/1.1", ""), BAD_OR_CUT),
        raw(
            "a path that is a whole URL elsewhere",
            head("POST http://example.com/v1/traces HTTP/1.1", "content-length: 0\r\n"),
            UNKNOWN,
        ),
        raw("CONNECT", head("CONNECT example.com:443 HTTP/1.1", ""), &[404, 405]),
        raw("TRACE", head("TRACE /v1/traces HTTP/1.1", ""), &[405]),
        raw(
            "a path of 70 KB",
            head(&format!("POST /{} HTTP/1.1", "a".repeat(70_000)), ""),
            &[400, 414, 431, CUT],
        ),
        raw(
            "a path that climbs",
            head("POST /v1/../../etc/passwd HTTP/1.1", "content-length: 0\r\n"),
            &[404],
        ),
        raw("an encoded path", head("POST /v1/%74races HTTP/1.1", "content-length: 0\r\n"), &[404]),
        raw(
            "a bare line feed",
            "POST /v1/traces HTTP/1.1\nhost: x\ncontent-type: application/json\ncontent-length: 2\n\n{}",
            &[200, 400],
        ),
    ]
}

fn headers() -> Vec<Case> {
    fn raw(name: &str, bytes: impl Into<Vec<u8>>, right: Right) -> Case {
        Case::raw(name, bytes, right)
    }
    let many = (0..200).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
    let huge = format!("x-huge: {}\r\n", "y".repeat(100_000));
    let endless = format!("{}{}", "POST /v1/traces HTTP/1.1\r\nhost: x\r\n", "x: y\r\n".repeat(50_000));
    vec![
        raw("200 headers", posted(&many, ""), &[400, 431]),
        raw("a header of 100 KB", posted(&huge, ""), &[400, 431]),
        raw("headers without end", endless, &[400, 431]),
        raw("a header without a colon", posted("nonsense\r\n", ""), BAD),
        raw("a header name with a space", posted("x y: z\r\n", ""), BAD),
        raw("a header value with a zero byte", posted("x: a\0b\r\n", ""), BAD),
        raw("a folded header", posted("x: a\r\n  b\r\n", ""), BAD),
        raw("two lengths that differ", posted("content-length: 2\r\ncontent-length: 3\r\n", "{}}"), BAD),
        raw(
            "two lengths that agree",
            posted("content-length: 2\r\ncontent-length: 2\r\n", "{}"),
            &[200, 400],
        ),
        raw("a list of lengths", posted("content-length: 2, 3\r\n", "{}}"), BAD),
        raw("a negative length", posted("content-length: -1\r\n", ""), BAD),
        raw("a length with a sign", posted("content-length: +2\r\n", "{}"), BAD),
        raw("a length in hexadecimal", posted("content-length: 0x2\r\n", "{}"), BAD),
        raw("a length beyond 64 bits", posted("content-length: 99999999999999999999999\r\n", ""), BAD),
        raw("a length of 9 exabytes", posted("content-length: 9223372036854775807\r\n", ""), TOO_LARGE),
        raw(
            "length and chunks at once",
            posted("content-length: 2\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"),
            &[400, 200],
        ),
        raw("chunks named twice", posted("transfer-encoding: chunked, chunked\r\n", "0\r\n\r\n"), BAD),
        raw("chunks before gzip", posted("transfer-encoding: chunked, gzip\r\n", "0\r\n\r\n"), BAD),
        raw("an unknown transfer encoding", posted("transfer-encoding: cats\r\n", ""), BAD),
        raw(
            "chunks in HTTP/1.0",
            posted("transfer-encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0"),
            BAD,
        ),
        raw("an expectation of cats", posted("expect: cats\r\ncontent-length: 2\r\n", "{}"), &[200, 417]),
        raw(
            "an upgrade to a web socket",
            posted("connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 2\r\n", "{}"),
            OK,
        ),
        raw(
            "an upgrade to HTTP/2",
            posted(
                "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\ncontent-length: 2\r\n",
                "{}",
            ),
            OK,
        ),
        Case::post("a type twice", JSON, "{}", &[200, 415]).with("content-type", PROTOBUF),
        Case::post("a type of 10 KB", &"a".repeat(10_000), "{}", UNKNOWN),
        Case::post("a type of a browser's form", "multipart/form-data; boundary=x", "--x--", UNKNOWN),
        Case::post("a charset that is none", "application/json; charset=utf-16", "{}", OK),
    ]
}

fn chunks() -> Vec<Case> {
    let chunked = |name: &str, body: &str, right| {
        Case::raw(name, posted("transfer-encoding: chunked\r\n", body), right)
    };
    vec![
        chunked("a chunk of a negative size", "-2\r\n{}\r\n0\r\n\r\n", BAD),
        chunked("a chunk whose size is a word", "two\r\n{}\r\n0\r\n\r\n", BAD),
        chunked("a chunk of 2^70 bytes", "400000000000000000\r\n{}\r\n0\r\n\r\n", BAD),
        chunked("a chunk longer than its size", "1\r\n{}\r\n0\r\n\r\n", BAD),
        chunked("an extension of 100 KB", &format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(100_000)), BAD),
        chunked("trailers", "2\r\n{}\r\n0\r\nx: y\r\n\r\n", OK),
        chunked(
            "trailers of 100 KB",
            &format!("2\r\n{{}}\r\n0\r\nx: {}\r\n\r\n", "y".repeat(100_000)),
            &[200, 400],
        ),
        chunked(
            "a million chunks of one byte",
            &("1\r\n \r\n".repeat(1_000_000) + "2\r\n{}\r\n0\r\n\r\n"),
            OK,
        ),
    ]
}

#[tokio::test]
async fn http_that_is_none_is_refused() {
    hold_out("HTTP/1", [lines(), headers(), chunks()].into_iter().flatten().collect(), 50).await;
}
