// Sends spans, log records and metrics by OpenTelemetry's SDK: Sdk PROTOCOL ENDPOINT COMPRESSION SERVICE

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.logs.Logger;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.exporter.otlp.http.logs.OtlpHttpLogRecordExporter;
import io.opentelemetry.exporter.otlp.http.metrics.OtlpHttpMetricExporter;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.logs.OtlpGrpcLogRecordExporter;
import io.opentelemetry.exporter.otlp.metrics.OtlpGrpcMetricExporter;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.sdk.logs.SdkLoggerProvider;
import io.opentelemetry.sdk.logs.export.BatchLogRecordProcessor;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.export.MetricExporter;
import io.opentelemetry.sdk.metrics.export.PeriodicMetricReader;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

public class Sdk {
  public static void main(String[] args) {
    String endpoint = args[1];
    String compression = args[2];
    SpanExporter spans;
    LogRecordExporter records;
    MetricExporter points;
    if (args[0].equals("grpc")) {
      spans = OtlpGrpcSpanExporter.builder().setEndpoint(endpoint).setCompression(compression).build();
      records = OtlpGrpcLogRecordExporter.builder().setEndpoint(endpoint).setCompression(compression).build();
      points = OtlpGrpcMetricExporter.builder().setEndpoint(endpoint).setCompression(compression).build();
    } else {
      spans = OtlpHttpSpanExporter.builder().setEndpoint(endpoint + "/v1/traces").setCompression(compression).build();
      records = OtlpHttpLogRecordExporter.builder().setEndpoint(endpoint + "/v1/logs").setCompression(compression).build();
      points = OtlpHttpMetricExporter.builder().setEndpoint(endpoint + "/v1/metrics").setCompression(compression).build();
    }
    Resource resource = Resource.create(Attributes.of(AttributeKey.stringKey("service.name"), args[3]));
    SdkTracerProvider traces =
        SdkTracerProvider.builder().setResource(resource).addSpanProcessor(BatchSpanProcessor.builder(spans).build()).build();
    SdkLoggerProvider logs =
        SdkLoggerProvider.builder().setResource(resource).addLogRecordProcessor(BatchLogRecordProcessor.builder(records).build()).build();
    SdkMeterProvider metrics =
        SdkMeterProvider.builder()
            .setResource(resource)
            .registerMetricReader(PeriodicMetricReader.builder(points).setInterval(Duration.ofHours(1)).build())
            .build();
    Tracer tracer = traces.get("shop");
    Logger logger = logs.get("shop");
    LongCounter requests = metrics.get("shop").counterBuilder("requests").build();
    for (int number = 0; number < 100; number++) {
      long code = number % 10 == 0 ? 500 : 200;
      Span span = tracer.spanBuilder("GET /").setSpanKind(SpanKind.SERVER).startSpan();
      span.setAttribute("http.response.status_code", code);
      if (code == 500) {
        span.setStatus(StatusCode.ERROR);
      }
      span.end();
      Severity severity = code == 500 ? Severity.ERROR : number % 10 == 1 ? Severity.WARN : Severity.INFO;
      logger.logRecordBuilder().setSeverity(severity).setBody("request " + number).emit();
      requests.add(1, Attributes.of(AttributeKey.longKey("code"), code));
    }
    boolean sent = traces.shutdown().join(10, TimeUnit.SECONDS).isSuccess();
    sent &= logs.shutdown().join(10, TimeUnit.SECONDS).isSuccess();
    sent &= metrics.shutdown().join(10, TimeUnit.SECONDS).isSuccess();
    System.exit(sent ? 0 : 1);
  }
}
