//! Protobuf that is broken, odd or unreasonable, and values that no clock and no counter has.

use super::{BAD, Case, OK, PROTOBUF, Right, TOO_LARGE, hold_out};

const METRICS: &str = "/v1/metrics";
const LOGS: &str = "/v1/logs";
/// Whether the items that are odd count is told by partial success; the request itself is good.
const TAKEN: Right = &[200];

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    [bytes, content.to_vec()].concat()
}

/// A request with one item in its block.
fn item(content: &[u8]) -> Vec<u8> {
    field(1, &field(2, &field(2, content)))
}

fn fixed64(number: u8, value: u64) -> Vec<u8> {
    [&[number << 3 | 1][..], &value.to_le_bytes()].concat()
}

fn broken() -> Vec<Case> {
    let post = |name: &str, body: Vec<u8>| Case::post(name, PROTOBUF, body, BAD);
    vec![
        post("a tag without end", vec![0xff; 12]),
        post("a field of number 0", vec![0x02, 0x00]),
        post("a wire type of 6", vec![0x0e, 0x00]),
        post("a wire type of 7", vec![0x0f, 0x00]),
        post("a group that does not end", vec![0x0b, 0x0b, 0x0b]),
        post("a group that only ends", vec![0x0c]),
        post("a group closed by another", vec![0x0b, 0x14]),
        post("a length beyond the end", vec![0x0a, 0x7f, 0x00]),
        post("a length of 2^64 - 1", [&[0x0a][..], &[0xff; 9], &[0x01]].concat()),
        post("a length varint of 11 bytes", [&[0x0a][..], &[0x80; 10], &[0x01]].concat()),
        post("a block that is a number", vec![0x08, 0x01]),
        post("a scope block that is fixed", field(1, &fixed64(2, 1))),
        post("an item that is a number", field(1, &field(2, &[0x10, 0x01]))),
        post("a name that is a number", item(&[0x28, 0x01])),
        post("a time that is text", item(&field(8, b"now"))),
        post("a time cut short", item(&[0x41, 1, 2, 3])),
        post("a field number of 2^29", vec![0x80, 0x80, 0x80, 0x80, 0x10, 0x00]),
        post("a varint in a skipped field without end", item(&[&[0xf8, 0x07][..], &[0xff; 11]].concat())),
        post("half of a fixed64 in a skipped field", item(&[0xf9, 0x07, 1, 2])),
        post("100,000 groups in groups", vec![0x0b; 100_000]),
    ]
}

fn odd() -> Vec<Case> {
    let span = |name: &str, content: Vec<u8>| Case::post(name, PROTOBUF, item(&content), TAKEN).items(1);
    let time = 1_790_000_000_000_000_000;
    vec![
        Case::post("nothing", PROTOBUF, b"", OK),
        Case::post("a block without anything", PROTOBUF, field(1, b""), OK),
        Case::post(
            "unknown fields of every kind",
            PROTOBUF,
            [&[0xf8, 0x07, 0x01][..], &fixed64(30, 9)[..1], &[0xf9, 0x07, 0, 0, 0, 0, 0, 0, 0, 0]].concat(),
            &[200, 400],
        ),
        span("a span without anything", Vec::new()),
        span("a trace id of 15 bytes", [field(1, &[7; 15]), fixed64(8, time)].concat()),
        span("a trace id of zeros", [field(1, &[0; 16]), fixed64(8, time)].concat()),
        span("a span id of 9 bytes", [field(2, &[7; 9]), fixed64(8, time)].concat()),
        span("an end in 2554", fixed64(8, u64::MAX)),
        span("an end in 1970", fixed64(8, 1)),
        span("an end before the start", [fixed64(7, time), fixed64(8, 1)].concat()),
        span(
            "a name that is no UTF-8 and that nobody reads",
            [field(5, b"\xff\xfe"), fixed64(8, time)].concat(),
        ),
        span("a kind of 99", [&[0x30, 99][..], &fixed64(8, time)].concat()),
        span("a kind of -1", [&[0x30][..], &[0xff; 9], &[0x01], &fixed64(8, time)].concat()),
        span("a status code of 77", [field(15, &[0x18, 77]), fixed64(8, time)].concat()),
        span("a name of 1 MiB", [field(5, &vec![b'n'; 1 << 20]), fixed64(8, time)].concat()),
        span("the same field twice", [field(5, b"one"), field(5, b"two"), fixed64(8, time)].concat()),
        span("100,000 attributes", [field(9, &field(1, b"k")).repeat(100_000), fixed64(8, time)].concat()),
        span("a key of 1 MiB", [field(9, &field(1, &vec![b'k'; 1 << 20])), fixed64(8, time)].concat()),
        Case::post(
            "a log of a severity of 255",
            PROTOBUF,
            item(&[&[0x10, 0xff, 0x01][..], &fixed64(1, time)].concat()),
            TAKEN,
        )
        .to(LOGS)
        .items(1),
        Case::post(
            "a log whose text is 10 MiB",
            PROTOBUF,
            item(&[field(5, &field(1, &vec![b'x'; 10 << 20])), fixed64(1, time)].concat()),
            TAKEN,
        )
        .to(LOGS)
        .items(1),
    ]
}

fn time() -> Vec<u8> {
    fixed64(3, 1_790_000_000_000_000_000)
}

fn metric(kind: u8, data: &[u8]) -> Vec<u8> {
    item(&[field(1, b"m"), field(kind, data)].concat())
}

/// A metric of one point, and what follows the point.
fn point(kind: u8, point: Vec<u8>, rest: &[u8]) -> Vec<u8> {
    metric(kind, &[field(1, &[time(), point].concat()), rest.to_vec()].concat())
}

fn double(number: u8, value: f64) -> Vec<u8> {
    fixed64(number, value.to_bits())
}

fn taken(name: &str, body: Vec<u8>) -> Case {
    Case::post(name, PROTOBUF, body, TAKEN).to(METRICS).items(1)
}

fn numbers() -> Vec<Case> {
    let cumulative: &[u8] = &[0x10, 0x02, 0x18, 0x01];
    vec![
        taken("a gauge of NaN", point(5, double(4, f64::NAN), b"")),
        taken("a gauge of infinity", point(5, double(4, f64::INFINITY), b"")),
        taken("a sum below zero", point(7, double(4, -1.0), cumulative)),
        taken("a sum of the largest number", point(7, fixed64(6, i64::MAX as u64), cumulative)),
        taken("a sum of the smallest number", point(7, fixed64(6, i64::MIN as u64), cumulative)),
        taken("a sum of no temporality", point(7, double(4, 1.0), b"")),
        taken("a sum of a temporality of 9", point(7, double(4, 1.0), &[0x10, 0x09])),
        taken("a point without a value", point(5, Vec::new(), b"")),
        taken("a metric without data", item(&field(1, b"m"))).items(0),
        taken(
            "a metric of two kinds",
            item(&[field(1, b"m"), field(5, &field(1, &time())), field(7, &field(1, &time()))].concat()),
        ),
    ]
}

fn histograms() -> Vec<Case> {
    vec![
        taken(
            "a histogram whose bounds go down",
            point(
                9,
                [
                    fixed64(4, 3),
                    field(6, &[1u64, 1, 1].map(u64::to_le_bytes).concat()),
                    field(7, &[2.0f64, 1.0].map(f64::to_le_bytes).concat()),
                ]
                .concat(),
                &[0x10, 0x02],
            ),
        ),
        taken(
            "a histogram of more bounds than buckets",
            point(
                9,
                [
                    fixed64(4, 3),
                    field(6, &1u64.to_le_bytes()),
                    field(7, &[1.0f64, 2.0].map(f64::to_le_bytes).concat()),
                ]
                .concat(),
                &[0x10, 0x02],
            ),
        ),
        taken(
            "a histogram whose buckets exceed its count",
            point(
                9,
                [
                    fixed64(4, 1),
                    field(6, &[9u64, 9].map(u64::to_le_bytes).concat()),
                    field(7, &1.0f64.to_le_bytes()),
                ]
                .concat(),
                &[0x10, 0x02],
            ),
        ),
        taken(
            "a histogram of NaN bounds",
            point(
                9,
                [
                    fixed64(4, 2),
                    field(6, &[1u64, 1].map(u64::to_le_bytes).concat()),
                    field(7, &f64::NAN.to_le_bytes()),
                ]
                .concat(),
                &[0x10, 0x02],
            ),
        ),
    ]
}

fn sketches() -> Vec<Case> {
    vec![
        taken(
            "an exponential histogram of scale 2^31 - 1",
            point(10, [fixed64(4, 1), vec![0x30, 0xfe, 0xff, 0xff, 0xff, 0x0f]].concat(), &[0x10, 0x02]),
        ),
        taken(
            "an exponential histogram of scale -2^31",
            point(
                10,
                [
                    fixed64(4, 1),
                    vec![0x30, 0xff, 0xff, 0xff, 0xff, 0x0f],
                    field(8, &[&[0x08, 0x01][..], &field(2, &[1])].concat()),
                ]
                .concat(),
                &[0x10, 0x02],
            ),
        ),
        taken(
            "an exponential histogram of a huge offset",
            point(
                10,
                [
                    fixed64(4, 1),
                    field(8, &[&[0x08, 0xfe, 0xff, 0xff, 0xff, 0x0f][..], &field(2, &[1])].concat()),
                ]
                .concat(),
                &[0x10, 0x02],
            ),
        ),
        taken(
            "a summary of a quantile of 7",
            point(11, [fixed64(4, 1), field(6, &[double(1, 7.0), double(2, 1.0)].concat())].concat(), b""),
        ),
    ]
}

/// Small on the wire, large for who unpacks it into objects.
fn amplified() -> Vec<Case> {
    let post = |name: &str, body: Vec<u8>, right| Case::post(name, PROTOBUF, body, right);
    let spans = field(1, &field(2, &[0x12, 0x00].repeat(5_000_000)));
    vec![
        post("5 million empty spans", spans, TOO_LARGE),
        post("10 million empty blocks", [0x0a, 0x00].repeat(10_000_000), TOO_LARGE),
        post("5 million empty scopes", field(1, &[0x12, 0x00].repeat(5_000_000)), TOO_LARGE),
        post("200,000 empty events of a span", item(&[0x5a, 0x00].repeat(200_000)), TAKEN).items(1),
        post("5 million empty attributes of a span", item(&[0x4a, 0x00].repeat(5_000_000)), &[200]).items(1),
        post(
            "5 million empty attributes of a resource",
            field(1, &field(1, &[0x0a, 0x00].repeat(5_000_000))),
            &[200, 413],
        ),
        post(
            "5 million empty points",
            item(&[field(1, b"m"), field(5, &[0x0a, 0x00].repeat(5_000_000))].concat()),
            TOO_LARGE,
        )
        .to(METRICS),
        post(
            "a 4 million bucket histogram",
            item(&[field(1, b"m"), field(9, &field(1, &field(6, &vec![1; 8 * 2_000_000])))].concat()),
            &[200, 413],
        )
        .to(METRICS)
        .items(1),
    ]
}

#[tokio::test]
async fn protobuf_that_is_broken_is_refused() {
    hold_out("protobuf, broken", broken(), 20).await;
}

#[tokio::test]
async fn protobuf_that_is_odd_does_no_harm() {
    hold_out(
        "protobuf, odd",
        [odd(), numbers(), histograms(), sketches()].into_iter().flatten().collect(),
        35,
    )
    .await;
}

#[tokio::test]
async fn protobuf_that_swells_is_bounded() {
    hold_out("protobuf, swelling", amplified(), 8).await;
}
