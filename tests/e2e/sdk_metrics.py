"""Sends counters and a histogram by OpenTelemetry's SDK: sdk_metrics.py PROTOCOL ENDPOINT TEMPORALITY SERVICE

Three collections, of which the second comes after a restart of the meter provider."""

import sys

from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

protocol, endpoint, temporality, service = sys.argv[1:]

if protocol == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

    options = {"endpoint": endpoint, "insecure": True}
else:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    options = {"endpoint": endpoint + "/v1/metrics"}

kind = AggregationTemporality.DELTA if temporality == "delta" else AggregationTemporality.CUMULATIVE
preferred = {Counter: kind, Histogram: kind}


def run(collections):
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(preferred_temporality=preferred, **options), export_interval_millis=3_600_000
    )
    bounds = ExplicitBucketHistogramAggregation(boundaries=[0.1, 0.3, 1.0])
    meters = MeterProvider(
        metric_readers=[reader],
        resource=Resource.create({"service.name": service}),
        views=[View(instrument_name="duration", aggregation=bounds)],
    )
    meter = meters.get_meter("shop")
    requests, duration = meter.create_counter("requests"), meter.create_histogram("duration")
    for _ in range(collections):
        requests.add(90, {"code": 200})
        requests.add(10, {"code": 500})
        for value, count in ((0.05, 10), (0.2, 20), (0.5, 30), (2.0, 5)):
            for _ in range(count):
                duration.record(value)
        meters.force_flush()
    meters.shutdown()


run(2)
run(1)
