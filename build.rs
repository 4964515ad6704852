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
    let mut published = protox::Compiler::new(["proto"])?;
    published.open_file("evenkeel/v1/published.proto")?;
    let descriptors = published.file_descriptor_set();
    prost_build::Config::new().include_file("published.rs").btree_map(["."]).compile_fds(descriptors)?;
    // As protoc writes it, for tests with another implementation.
    let folder = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(folder.join("published.pb"), published.encode_file_descriptor_set())?;
    Ok(())
}
