// Sends spans, log records and metrics by OpenTelemetry's SDK: sdk.js PROTOCOL ENDPOINT COMPRESSION SERVICE
'use strict';

const { diag, DiagLogLevel, SpanKind, SpanStatusCode } = require('@opentelemetry/api');
const { LoggerProvider, BatchLogRecordProcessor } = require('@opentelemetry/sdk-logs');
const { MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics');
const { TracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace');
const { resourceFromAttributes } = require('@opentelemetry/resources');

const [protocol, endpoint, compression, service] = process.argv.slice(2);

// Whatever the SDK complains about is a failure.
const complain = (...words) => {
  console.error(...words);
  process.exitCode = 1;
};
diag.setLogger({ verbose() {}, debug() {}, info() {}, warn: complain, error: complain }, DiagLogLevel.WARN);

const flavour = { grpc: 'grpc', http: 'proto', json: 'http' }[protocol];
const exporter = (signal, name, path) => {
  const Exporter = require(`@opentelemetry/exporter-${signal}-otlp-${flavour}`)[name];
  return new Exporter({ url: protocol === 'grpc' ? endpoint : endpoint + path, compression });
};

const resource = resourceFromAttributes({ 'service.name': service });
const traces = new TracerProvider({
  resource,
  spanProcessors: [new BatchSpanProcessor({ exporter: exporter('trace', 'OTLPTraceExporter', '/v1/traces') })],
});
const logs = new LoggerProvider({
  resource,
  processors: [new BatchLogRecordProcessor({ exporter: exporter('logs', 'OTLPLogExporter', '/v1/logs') })],
});
const metrics = new MeterProvider({
  resource,
  readers: [
    new PeriodicExportingMetricReader({
      exporter: exporter('metrics', 'OTLPMetricExporter', '/v1/metrics'),
      exportIntervalMillis: 3600000,
    }),
  ],
});

const tracer = traces.getTracer('shop');
const logger = logs.getLogger('shop');
const requests = metrics.getMeter('shop').createCounter('requests');
for (let number = 0; number < 100; number++) {
  const code = number % 10 === 0 ? 500 : 200;
  const span = tracer.startSpan('GET /', { kind: SpanKind.SERVER });
  span.setAttribute('http.response.status_code', code);
  if (code === 500) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
  const severityNumber = code === 500 ? 17 : number % 10 === 1 ? 13 : 9;
  logger.emit({ severityNumber, body: `request ${number}` });
  requests.add(1, { code });
}

Promise.all([traces, logs, metrics].map((one) => one.shutdown())).catch(complain);
