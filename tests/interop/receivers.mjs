// SPDX-License-Identifier: MIT
//
// receivers.mjs - requests of Tote, read by third-party programs: Elastic's OTLP receiver, and
// protoc with the .proto files of that receiver
//
//   node receivers.mjs BUILD_DIR
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { MockOtlpServer } from '@elastic/mockotlpserver';

const here = path.dirname(fileURLToPath(import.meta.url));
const bin = path.join(path.resolve(process.env.TOTE_BUILD_DIR ?? 'build'), 'bin');
const protos = path.join(here, 'node_modules/@elastic/mockotlpserver');

// Run a program of Tote with only these variables of OpenTelemetry in its environment.
async function run(program, variables) {
    const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', ...variables };
    const child = spawn(path.join(bin, program), [], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.resume();
    const [code] = await once(child, 'exit');
    assert.equal(code, 0, `${program} ends well`);
}

const textOf = (bytes) => Buffer.from(bytes).toString('hex');

function valueOf(attributes, key) {
    const value = attributes.find((attribute) => attribute.key === key)?.value;
    return value && Object.entries(value).find(([name]) => name.endsWith('Value'))?.[1];
}

// Spans as decoded by a third-party receiver. Spec: opentelemetry-proto trace/v1/trace.proto
test('the elastic receiver reads the spans of the log example', async () => {
    const requests = [];
    const server = new MockOtlpServer({
        logLevel: 'error', services: ['http'], httpHostname: '127.0.0.1', httpPort: 0,
        onTrace: (trace) => requests.push(trace),
    });
    await server.start();
    try {
        await run('log', {
            OTEL_EXPORTER_OTLP_ENDPOINT: server.httpUrl,
            OTEL_SERVICE_NAME: 'logger',
            OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
        });
        assert.equal(requests.length, 1);
        const [ofResource] = requests[0].resourceSpans;
        assert.equal(valueOf(ofResource.resource.attributes, 'service.name'), 'logger');
        assert.equal(valueOf(ofResource.resource.attributes, 'telemetry.sdk.language'), 'c');
        assert.equal(valueOf(ofResource.resource.attributes, 'deployment.environment.name'), 'test');
        const spans = ofResource.scopeSpans.flatMap((ofScope) => ofScope.spans);
        const request = spans.find((span) => span.name === 'request');
        const charge = spans.find((span) => span.name === 'charge');
        assert.equal(textOf(charge.parentSpanId), textOf(request.spanId));
        assert.equal(textOf(charge.traceId), textOf(request.traceId));
        assert.equal(valueOf(charge.attributes, 'user.id'), 'u_123');
        assert.equal(String(valueOf(charge.attributes, 'attempt')), '1');
        assert.equal(valueOf(request.attributes, 'session'), undefined, 'private entries stay');
        assert.ok(BigInt(charge.endTimeUnixNano) >= BigInt(charge.startTimeUnixNano));
    } finally {
        await server.close();
    }
});

// A receiver that keeps the bytes of the first request.
async function captureRequest(program) {
    const bodies = [];
    const server = http.createServer((request, response) => {
        const parts = [];
        request.on('data', (part) => parts.push(part));
        request.on('end', () => {
            bodies.push({ bytes: Buffer.concat(parts), headers: request.headers, url: request.url });
            response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
        });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await run(program, { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.address().port}` });
    server.close();
    assert.equal(bodies.length, 1);
    return bodies[0];
}

// Spec: protocol/otlp.md#otlphttp-request, protocol/exporter.md#user-agent
test('protoc reads the request with the published definitions', async () => {
    const request = await captureRequest('hello');
    assert.equal(request.url, '/v1/traces');
    assert.equal(request.headers['content-type'], 'application/x-protobuf');
    assert.match(request.headers['user-agent'], /^OTel-OTLP-Exporter-C\//);
    const decoded = spawnSync('protoc', [
        `--proto_path=${protos}`,
        '--decode=opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest',
        'opentelemetry/proto/collector/trace/v1/trace_service.proto',
    ], { input: request.bytes, encoding: 'utf8' });
    assert.equal(decoded.status, 0, decoded.stderr);
    assert.match(decoded.stdout, /name: "hello"/);
    assert.match(decoded.stdout, /key: "answer"\s+value \{\s+int_value: 42/);
    assert.match(decoded.stdout, /flags: 259/); // sampled, random, not remote: 0x103
    assert.doesNotMatch(decoded.stdout, /^\s*\d+: /m, 'no field is unknown');
});
