//! Our own metrics and traces over OTLP/HTTP to somebody else: never to ourselves.
//!
//! The metrics are those of `/metrics`, under the same names. Spans are made where `tracing` has one with the
//! target [`SPANS`].

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, MeterProvider};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{Instrument, PeriodicReader, SdkMeterProvider, Stream};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use super::metrics::{Kind, Metrics, TABLE};

/// Target of the spans that are exported; logs leave it out.
pub const SPANS: &str = "evenkeel::spans";
/// Patience for one export, the last one at the end included.
const EXPORT_MAX: Duration = Duration::from_secs(3);
/// Series of one metric; there is one of each service.
const SERIES_MAX: usize = 20_000;

#[derive(Clone, Debug)]
pub struct Target {
    /// `http://HOST:PORT`, to which `/v1/metrics` and `/v1/traces` are added.
    pub endpoint: String,
    pub interval: Duration,
    /// Shown as `Authorization: Bearer`.
    pub token: Option<String>,
}

/// An export that runs until it is closed.
#[derive(Clone)]
pub struct Export {
    meters: SdkMeterProvider,
    tracers: SdkTracerProvider,
    latest: Arc<RwLock<Metrics>>,
    interval: Duration,
}

impl Export {
    /// Blocks for a moment; not for a thread of the runtime.
    pub fn start(target: &Target) -> anyhow::Result<Self> {
        // What the exporter's client asks for; whoever came first is as good.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let base = target.endpoint.trim_end_matches('/');
        let authorization = target.token.iter().map(|token| format!("Bearer {token}"));
        let headers: HashMap<String, String> =
            authorization.map(|value| ("authorization".to_owned(), value)).collect();
        let metrics = MetricExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}/v1/metrics"))
            .with_timeout(EXPORT_MAX)
            .with_headers(headers.clone())
            .build()?;
        let spans = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}/v1/traces"))
            .with_timeout(EXPORT_MAX)
            .with_headers(headers)
            .build()?;
        let resource = Resource::builder()
            .with_service_name("evenkeel")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let reader = PeriodicReader::builder(metrics).with_interval(target.interval).build();
        let wide = |_: &Instrument| Stream::builder().with_cardinality_limit(SERIES_MAX).build().ok();
        let meters = SdkMeterProvider::builder()
            .with_reader(reader)
            .with_resource(resource.clone())
            .with_view(wide)
            .build();
        let tracers = SdkTracerProvider::builder().with_batch_exporter(spans).with_resource(resource).build();
        let latest: Arc<RwLock<Metrics>> = Arc::default();
        observe(&meters, &latest);
        Ok(Self { meters, tracers, latest, interval: target.interval })
    }

    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// What the next export tells.
    pub fn publish(&self, metrics: Metrics) {
        *self.latest.write().unwrap_or_else(PoisonError::into_inner) = metrics;
    }

    /// Sends what is left. Blocks for [`EXPORT_MAX`] a signal at most.
    pub fn close(&self) {
        for ended in
            [self.meters.shutdown_with_timeout(EXPORT_MAX), self.tracers.shutdown_with_timeout(EXPORT_MAX)]
        {
            if let Err(error) = ended {
                tracing::warn!(%error, "telemetry.export.left_unsent");
            }
        }
    }

    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    {
        let only_spans = Targets::new().with_target(SPANS, tracing::Level::TRACE);
        let tracer = self.tracers.tracer("evenkeel");
        tracing_opentelemetry::layer().with_tracer(tracer).with_filter(only_spans)
    }
}

fn observe(meters: &SdkMeterProvider, latest: &Arc<RwLock<Metrics>>) {
    let meter = meters.meter("evenkeel");
    for (place, row) in TABLE.iter().enumerate() {
        let latest = Arc::clone(latest);
        let tell = move |instrument: &dyn AsyncInstrument<f64>| {
            let latest = latest.read().unwrap_or_else(PoisonError::into_inner);
            for sample in latest.samples(place) {
                let Ok(value) = sample.value.parse() else { continue };
                let labels = row.labels.iter().zip(&sample.labels).filter(|(_, label)| !label.is_empty());
                let labels: Vec<KeyValue> =
                    labels.map(|(name, label)| KeyValue::new(*name, label.clone())).collect();
                instrument.observe(value, &labels);
            }
        };
        // The meter keeps what is registered; the handle has no use.
        match row.kind {
            Kind::Counter => {
                let counter = meter.f64_observable_counter(row.name).with_description(row.help);
                let _registered = counter.with_callback(tell).build();
            }
            Kind::Gauge => {
                let gauge = meter.f64_observable_gauge(row.name).with_description(row.help);
                let _registered = gauge.with_callback(tell).build();
            }
        }
    }
}

/// Whether what is sent to the endpoint comes out at one of these listeners of ours. Asks the resolver.
pub fn leads_to(endpoint: &str, listeners: &[SocketAddr]) -> bool {
    let Ok(url) = reqwest::Url::parse(endpoint) else { return false };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
    let host = host.trim_matches(['[', ']']);
    let Ok(addresses) = (host, port).to_socket_addrs() else { return false };
    let ours = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified() || UdpSocket::bind((ip, 0)).is_ok();
    addresses.into_iter().any(|address| {
        listeners.iter().any(|listener| {
            listener.port() == address.port()
                && (listener.ip() == address.ip()
                    || (listener.ip().is_unspecified() && ours(address.ip()))
                    || (address.ip().is_unspecified() && listener.ip().is_loopback()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_back_to_a_listener_of_ours_is_seen() {
        let listeners = |text: &str| [text.parse::<SocketAddr>().unwrap()];
        for (endpoint, listener, leads) in [
            ("http://127.0.0.1:4318", "127.0.0.1:4318", true),
            ("http://localhost:4318/", "127.0.0.1:4318", true),
            ("http://127.0.0.1:4318", "0.0.0.0:4318", true),
            ("http://127.0.0.9:4318", "0.0.0.0:4318", true),
            ("http://0.0.0.0:4318", "127.0.0.1:4318", true),
            ("http://[::1]:4318", "[::1]:4318", true),
            ("http://127.0.0.1:4317", "127.0.0.1:4318", false),
            ("http://127.0.0.9:4318", "127.0.0.1:4318", false),
            ("http://192.0.2.1:4318", "0.0.0.0:4318", false),
            ("http://127.0.0.1", "127.0.0.1:80", true),
        ] {
            assert_eq!(leads_to(endpoint, &listeners(listener)), leads, "{endpoint} {listener}");
        }
    }
}
