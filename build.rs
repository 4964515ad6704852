//! Compiles `proto/` to Rust types, without protoc.

use std::error::Error;

const FILES: [&str; 3] = [
    "opentelemetry/proto/collector/trace/v1/trace_service.proto",
    "opentelemetry/proto/collector/logs/v1/logs_service.proto",
    "opentelemetry/proto/collector/metrics/v1/metrics_service.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    prost_build::Config::new().include_file("otlp.rs").compile_fds(descriptors)?;
    let descriptors = protox::compile(["evenkeel/v1/published.proto"], ["proto"])?;
    prost_build::Config::new().include_file("published.rs").btree_map(["."]).compile_fds(descriptors)?;
    Ok(())
}
