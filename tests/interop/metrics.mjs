// SPDX-License-Identifier: MIT
//
// metrics.mjs - the metrics of the SDK about itself, read by Elastic's OTLP receiver
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { MockOtlpServer } from '@elastic/mockotlpserver';

const build = path.resolve(process.env.TOTE_BUILD_DIR ?? 'build');
const SPANS = 46;

// Run a program that ends SPANS spans. Returns the requests of metrics.
async function exportMetrics(protocol, variables) {
    const requests = [];
    const service = protocol === 'grpc' ? 'grpc' : 'http';
    const server = new MockOtlpServer({
        logLevel: 'error', services: [service],
        httpHostname: '127.0.0.1', httpPort: 0, grpcHostname: '127.0.0.1', grpcPort: 0,
        onTrace: () => {}, onMetrics: (metrics) => requests.push(metrics),
    });
    await server.start();
    try {
        const env = {
            PATH: process.env.PATH, LC_ALL: 'C.UTF-8', OTEL_SERVICE_NAME: 'interop',
            OTEL_EXPORTER_OTLP_PROTOCOL: protocol, OTEL_METRICS_EXPORTER: 'otlp',
            OTEL_EXPORTER_OTLP_ENDPOINT: service === 'grpc' ? server.grpcUrl : server.httpUrl,
            ...variables,
        };
        const child = spawn(path.join(build, 'tests/interop_spans'), [], { env });
        child.stderr.setEncoding('utf8').on('data', (text) => process.stderr.write(text));
        const [status] = await once(child, 'close');
        assert.equal(status, 0);
    } finally {
        await server.close();
    }
    return requests;
}

const attributesOf = (point) => Object.fromEntries(point.attributes.map(({ key, value }) =>
    [key, value.stringValue || Number(value.intValue)]));

// The points of the last request by the name of their metric, each with its attributes.
function pointsOf(requests) {
    const [ofResource] = requests.at(-1).resourceMetrics;
    const service = ofResource.resource.attributes.find(({ key }) => key === 'service.name');
    assert.equal(service.value.stringValue, 'interop');
    assert.equal(ofResource.scopeMetrics[0].scope.name, 'tote');
    return Object.fromEntries(ofResource.scopeMetrics[0].metrics.map((metric) => [metric.name,
        (metric.sum ?? metric.histogram).dataPoints.map((point) =>
            ({ ...point, attributes: attributesOf(point) }))]));
}

const sum = (points, select) => points.filter(({ attributes }) => select(attributes))
    .reduce((total, point) => total + Number(point.asInt ?? point.count), 0);

// Spec: semantic-conventions docs/otel/sdk-metrics.md
for (const protocol of ['http/protobuf', 'http/json', 'grpc']) {
    test(`a receiver of ${protocol} gets all metrics of the SDK`, async () => {
        const points = pointsOf(await exportMetrics(protocol, {}));
        const type = { grpc: 'otlp_grpc_span_exporter', 'http/json': 'otlp_http_json_span_exporter',
            'http/protobuf': 'otlp_http_span_exporter' }[protocol];

        assert.equal(Object.keys(points).length, 8);
        assert.equal(sum(points['otel.sdk.span.started'], () => true), SPANS);
        assert.equal(sum(points['otel.sdk.span.live'], () => true), 0);
        const exported = points['otel.sdk.exporter.span.exported'];
        assert.equal(exported[0].attributes['otel.component.name'], `${type}/0`);
        assert.equal(exported[0].attributes['server.address'], '127.0.0.1');
        assert.equal(sum(exported, (attributes) => !attributes['error.type']), SPANS);
        const [duration] = points['otel.sdk.exporter.operation.duration'];
        assert.ok(duration.sum > 0 && duration.sum < 60, 'in seconds');
        assert.equal(duration.attributes[protocol === 'grpc' ? 'rpc.status_code'
            : 'http.response.status_code'], protocol === 'grpc' ? 'OK' : 200);
    });
}

test('a receiver sees the spans that did not fit into the queue', async () => {
    const points = pointsOf(await exportMetrics('http/protobuf', {
        OTEL_BSP_MAX_QUEUE_SIZE: '8', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '4',
    }));
    const processed = points['otel.sdk.processor.span.processed'];
    const dropped = sum(processed, (attributes) => attributes['error.type'] === 'queue_full');

    assert.ok(dropped > 0, 'spans are dropped');
    assert.equal(dropped + sum(processed, (attributes) => !attributes['error.type']), SPANS);
    assert.equal(sum(points['otel.sdk.processor.span.queue.capacity'], () => true), 8);
});
