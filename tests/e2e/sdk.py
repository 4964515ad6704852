"""Sends spans and log records by OpenTelemetry's SDK: sdk.py PROTOCOL ENDPOINT COMPRESSION SERVICE"""

import logging
import sys

from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

protocol, endpoint, compression, service = sys.argv[1:]

if protocol == "grpc":
    import grpc
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    packed = grpc.Compression.Gzip if compression == "gzip" else grpc.Compression.NoCompression
    options = {"endpoint": endpoint, "insecure": endpoint.startswith("http:"), "compression": packed}
    span_exporter, log_exporter = OTLPSpanExporter(**options), OTLPLogExporter(**options)
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    packed = Compression.Gzip if compression == "gzip" else Compression.NoCompression
    span_exporter = OTLPSpanExporter(endpoint=endpoint + "/v1/traces", compression=packed)
    log_exporter = OTLPLogExporter(endpoint=endpoint + "/v1/logs", compression=packed)

resource = Resource.create({"service.name": service})
traces = TracerProvider(resource=resource)
traces.add_span_processor(BatchSpanProcessor(span_exporter))
logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(BatchLogRecordProcessor(log_exporter))
log = logging.getLogger("shop")
log.setLevel(logging.INFO)
log.addHandler(LoggingHandler(logger_provider=logs))

tracer = traces.get_tracer("shop")
for number in range(100):
    with tracer.start_as_current_span("GET /", kind=SpanKind.SERVER) as span:
        failed = number % 10 == 0
        span.set_attribute("http.response.status_code", 500 if failed else 200)
        if failed:
            span.set_status(Status(StatusCode.ERROR))
            log.error("request %d failed", number)
        elif number % 10 == 1:
            log.warning("request %d was slow", number)
        else:
            log.info("request %d", number)
traces.shutdown()
logs.shutdown()
