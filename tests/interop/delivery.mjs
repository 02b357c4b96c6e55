// SPDX-License-Identifier: MIT
//
// delivery.mjs - all encodings and transports, to third-party receivers, with proxies and faults in between
import assert from 'node:assert/strict';
import grpc from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';
import { MockOtlpServer } from '@elastic/mockotlpserver';
import { Response, decodeJson, decodeProtobuf, makeCertificates, spansOf, startGrpcSink,
    startHttpSink } from './sinks.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const build = path.resolve(process.env.TOTE_BUILD_DIR ?? 'build');
const SPANS = 46;
const work = mkdtempSync(path.join(os.tmpdir(), 'tote-delivery-'));
let certificates;
let reference; // the spans as protobuf over plain HTTP

// Run a program of Tote with only these variables of OpenTelemetry in its environment. Returns the status and outputs.
async function run(program, args, variables) {
    const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', ...variables };
    const child = spawn(path.join(build, program), args, { env });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => { stdout += text; });
    child.stderr.setEncoding('utf8').on('data', (text) => { stderr += text; });
    const [status] = await once(child, 'close');
    return { status, stdout, stderr };
}

const exportSpans = (variables) =>
    run('tests/interop_spans', [], { OTEL_SERVICE_NAME: 'interop', ...variables });

async function exportTo(sink, variables) {
    const result = await exportSpans({ OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint, ...variables });
    assert.deepEqual(sink.complaints, []);
    assert.equal(result.status, 0, result.stderr);
    return result;
}

const startSink = (protocol, options) =>
    (protocol === 'grpc' ? startGrpcSink(options) : startHttpSink(options));

before(async () => {
    certificates = makeCertificates();
    const sink = await startHttpSink();
    await exportTo(sink, {});
    await sink.stop();
    reference = spansOf(sink.requests);
});

after(() => {
    rmSync(work, { recursive: true });
    rmSync(certificates.folder, { recursive: true });
});

test('the spans of the reference are those that the program recorded', () => {
    assert.equal(reference.length, SPANS);
    const { span, scope } = reference[0];
    assert.equal(span.name, 'everything');
    assert.equal(span.traceId, Buffer.from('a0'.repeat(15) + '01', 'hex').toString('base64'));
    assert.equal(span.kind, 2);
    assert.equal(span.startTimeUnixNano, '1700000000000000000');
    assert.equal(span.status.message, 'went wrong');
    const values = Object.fromEntries(span.attributes.map(({ key, value }) => [key, value]));
    assert.deepEqual(values.string, { stringValue: 'text with "quotes", \u00e4 and \u{1f984}\n' });
    assert.deepEqual(values.false, { boolValue: false });
    assert.deepEqual(values.least, { intValue: '-9223372036854775808' });
    assert.deepEqual(values.bytes, { bytesValue: 'AAH+/w==' });
    assert.deepEqual(values.array.arrayValue.values.length, 4);
    assert.deepEqual(values.broken, { stringValue: '\ufffd in the middle \ufffd' });
    assert.equal(scope.name, 'plain');
    const [, second] = reference;
    assert.equal(second.scopeSchema, 'https://opentelemetry.io/schemas/1.27.0');
    assert.deepEqual(second.scope.attributes, [{ key: 'scope.attribute', value: { boolValue: false } }]);
});

// Encodings, compression, TLS, Unix sockets. Spec: protocol/exporter.md#configuration-options
const transports = {
    'plain text': () => [{}, {}],
    TLS: () => [{ tls: certificates }, { OTEL_EXPORTER_OTLP_CERTIFICATE: certificates.file('ca.pem') }],
    'TLS both ways': () => [{ tls: certificates, asksClient: true }, {
        OTEL_EXPORTER_OTLP_CERTIFICATE: certificates.file('ca.pem'),
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: certificates.file('client.pem'),
        OTEL_EXPORTER_OTLP_CLIENT_KEY: certificates.file('client.key'),
    }],
    'a Unix socket': (name) => [{ unix: path.join(work, name) }, {}],
};
for (const protocol of ['http/protobuf', 'http/json', 'grpc']) {
    for (const compression of ['none', 'gzip']) {
        for (const [transport, make] of Object.entries(transports)) {
            test(`${protocol}, ${compression}, ${transport}: the same spans`, async () => {
                const [options, variables] = make(`${protocol.replace('/', '-')}-${compression}.sock`);
                const sink = await startSink(protocol, options);
                await exportTo(sink, {
                    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
                    OTEL_EXPORTER_OTLP_COMPRESSION: compression,
                    ...variables,
                });
                await sink.stop();
                assert.deepEqual(spansOf(sink.requests), reference);
            });
        }
    }
}

// A certificate that no trusted CA has signed. Spec: protocol/exporter.md#configuration-options
for (const protocol of ['http/protobuf', 'grpc']) {
    test(`${protocol}: a server with an untrusted certificate gets nothing`, async () => {
        const untrusted = makeCertificates();
        const sink = await startSink(protocol, { tls: untrusted });
        const result = await exportSpans({
            OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
            OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
            OTEL_EXPORTER_OTLP_CERTIFICATE: certificates.file('ca.pem'),
            OTEL_EXPORTER_OTLP_TIMEOUT: '3000',
        });
        await sink.stop();
        rmSync(untrusted.folder, { recursive: true });
        assert.equal(result.status, 1);
        assert.match(result.stderr, /TLS failed/);
        assert.equal(sink.attempts, 0);
    });
}

// Spec: protocol/file-exporter.md
test('otlp/stdout: lines of JSON, the same spans', async () => {
    const { status, stdout } = await exportSpans({ OTEL_TRACES_EXPORTER: 'otlp/stdout' });
    assert.equal(status, 0);
    assert.ok(stdout.endsWith('\n'));
    assert.deepEqual(spansOf(stdout.trimEnd().split('\n').map(decodeJson)), reference);
});

test('the elastic receiver accepts each protocol', async () => {
    const traces = [];
    const server = new MockOtlpServer({
        logLevel: 'error', services: ['http', 'grpc'], httpHostname: '127.0.0.1', httpPort: 0,
        grpcHostname: '127.0.0.1', grpcPort: 0, onTrace: (trace) => traces.push(trace),
    });
    await server.start();
    for (const protocol of ['http/protobuf', 'http/json', 'grpc']) {
        const endpoint = protocol === 'grpc' ? server.grpcUrl : server.httpUrl;
        const { status, stderr } = await exportSpans({
            OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        });
        assert.equal(status, 0, stderr);
    }
    await server.close();
    const count = traces.flatMap((trace) => trace.resourceSpans)
        .flatMap((ofResource) => ofResource.scopeSpans).flatMap((ofScope) => ofScope.spans).length;
    assert.equal(count, 3 * SPANS);
});

// gRPC's C core, by its Python package
async function startPython(args) {
    const child = spawn('/usr/bin/python3', [path.join(here, 'sink.py'), ...args]);
    let text = '';
    child.stderr.pipe(process.stderr);
    child.stdout.setEncoding('utf8').on('data', (part) => { text += part; });
    while (!text.includes('\n')) {
        assert.equal(child.exitCode, null, 'the sink in Python starts');
        await pause(10);
    }
    const port = Number(text.split('\n')[0]);
    return {
        endpoint: `http://127.0.0.1:${port}`,
        port,
        stop: async () => {
            child.kill();
            await once(child, 'close');
            return text.trimEnd().split('\n').slice(1).map((line) => decodeProtobuf(Buffer.from(line, 'base64')));
        },
    };
}

for (const compression of ['none', 'gzip']) {
    test(`grpc, ${compression}: gRPC's C core reads the same spans`, async () => {
        const sink = await startPython(['--respond-in-gzip']);
        const { status, stderr } = await exportSpans({
            OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
            OTEL_EXPORTER_OTLP_COMPRESSION: compression,
        });
        assert.equal(status, 0, stderr);
        assert.deepEqual(spansOf(await sink.stop()), reference);
    });
}

async function freePort() {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
}

// Wait until the proxy accepts connections. Returns undefined if it has ended before.
async function startProxy(command, args, isReady, stdio = []) {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe', ...stdio] });
    const end = once(child, 'close');
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text) => { stderr += text; });
    for (let i = 0; !isReady(child); i++) {
        assert.ok(i < 3000, `${command} starts: ${stderr}`);
        if (child.exitCode !== null) {
            await end;
            assert.match(stderr, /Address already in use/);
            return undefined;
        }
        await pause(10);
    }
    return { stop: async () => { child.kill('SIGKILL'); await end; } };
}

// nginx terminates TLS and relays requests: gRPC over HTTP/2, HTTP over HTTP/1.1
async function startNginx(grpcPort, httpPort, options = {}) {
    const { maxBody = '64m', keepsRequests = 1000 } = options;
    const [port, tlsPort] = [await freePort(), await freePort()];
    const folder = mkdtempSync(path.join(work, 'nginx-'));
    const server = (listen, tls) => `server {
        listen 127.0.0.1:${listen} http2${tls ? ' ssl' : ''};
        ${tls ? `ssl_certificate ${certificates.file('server.pem')}; ssl_certificate_key ${certificates.file('server.key')};` : ''}
        location /opentelemetry. { grpc_pass grpc://127.0.0.1:${grpcPort}; }
        location / { proxy_pass http://127.0.0.1:${httpPort}; }
    }`;
    writeFileSync(path.join(folder, 'nginx.conf'), `
        daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
        events {}
        http {
            access_log off; client_max_body_size ${maxBody}; keepalive_requests ${keepsRequests};
            client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
            fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
            ${server(port, false)}
            ${server(tlsPort, true)}
        }`);
    const args = ['-p', folder, '-e', `${folder}/error.log`, '-c', `${folder}/nginx.conf`];
    const proxy = await startProxy('/usr/sbin/nginx', args, // it writes its id after it listens
        ({ pid }) => existsSync(`${folder}/pid`) && readFileSync(`${folder}/pid`, 'utf8') === `${pid}\n`);
    if (!proxy) return startNginx(grpcPort, httpPort, options); // another process has taken a port
    return { ...proxy, plain: `http://127.0.0.1:${port}`, tls: `https://127.0.0.1:${tlsPort}` };
}

test('nginx in between: gRPC and HTTP, plain text and TLS', async () => {
    const grpcSink = await startGrpcSink();
    const httpSink = await startHttpSink();
    const proxy = await startNginx(grpcSink.port, httpSink.port);
    for (const endpoint of [proxy.plain, proxy.tls]) {
        const variables = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_CERTIFICATE: certificates.file('ca.pem') };
        grpcSink.requests.length = 0;
        await exportTo(grpcSink, { ...variables, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
        assert.deepEqual(spansOf(grpcSink.requests), reference);
        if (endpoint === proxy.tls) { // a port for HTTP/2 without TLS does not accept HTTP/1.1
            await exportTo(httpSink, variables);
            assert.deepEqual(spansOf(httpSink.requests), reference);
        }
    }
    await proxy.stop();
    await grpcSink.stop();
    await httpSink.stop();
});

// Every span arrives, some of them twice: a request whose response is lost is retried.
function assertAllArrived(requests) {
    const once = spansOf(requests).filter(({ span }, i, all) => i === 0 || span.spanId !== all[i - 1].span.spanId);
    assert.deepEqual(once, reference);
}

// A request that is too large for the receiver arrives in parts, with each form of response: nginx sends 413 before the
// request has ended, which libcurl before 8 reports as a reset stream; gRPC sends RESOURCE_EXHAUSTED.
for (const protocol of ['http/protobuf', 'http/json', 'grpc']) {
    test(`${protocol}, nginx in between with a limit of 64 KiB: the spans arrive in parts`, async () => {
        const [grpcSink, httpSink] = [await startGrpcSink(), await startHttpSink()];
        const proxy = await startNginx(grpcSink.port, httpSink.port, { maxBody: '64k' });
        const sink = protocol === 'grpc' ? grpcSink : httpSink;
        await exportTo(sink, {
            OTEL_EXPORTER_OTLP_ENDPOINT: proxy.tls, OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
            OTEL_EXPORTER_OTLP_CERTIFICATE: certificates.file('ca.pem'),
        });
        await proxy.stop();
        await grpcSink.stop();
        await httpSink.stop();
        assert.ok(sink.requests.length > 1);
        assertAllArrived(sink.requests);
    });
}

test('grpc, a receiver with a limit of 64 KiB: the spans arrive in parts', async () => {
    const sink = await startGrpcSink({ maxBytes: 64 << 10 });
    await exportTo(sink, { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
    await sink.stop();
    assert.ok(sink.requests.length > 1);
    assertAllArrived(sink.requests);
});

// A batch that the receiver can never accept does not block the others in the disk queue.
test('grpc, the disk queue: a batch that is too large does not delay the others', async () => {
    const diskQueue = path.join(work, 'disk-queue-too-large');
    const variables = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_C_DISK_QUEUE_DIRECTORY: diskQueue };
    await exportSpans({ ...variables, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' });
    const sink = await startGrpcSink({ maxBytes: 64 << 10 });
    const { status, stdout, stderr } = await run('bin/tote', ['send', diskQueue], { ...variables, OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint });
    await sink.stop();
    assert.equal(status, 0, stdout + stderr);
    assertAllArrived(sink.requests);
});

// nginx closes a connection after some requests, by GOAWAY; libcurl before 8 may lose the trailers of the last response.
test('grpc, nginx that closes a connection after three requests: no span counts as rejected', async () => {
    const [grpcSink, httpSink] = [await startGrpcSink(), await startHttpSink()];
    const proxy = await startNginx(grpcSink.port, httpSink.port, { keepsRequests: 3 });
    const { stderr } = await exportTo(grpcSink, {
        OTEL_EXPORTER_OTLP_ENDPOINT: proxy.tls, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
        OTEL_EXPORTER_OTLP_CERTIFICATE: certificates.file('ca.pem'), OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '5',
        OTEL_LOG_LEVEL: 'debug',
    });
    await proxy.stop();
    await grpcSink.stop();
    await httpSink.stop();
    assert.ok(grpcSink.requests.length > 9);
    assert.doesNotMatch(stderr, /rejected|are lost/);
    assertAllArrived(grpcSink.requests);
});

// The proxy variables of libcurl
test('a proxy in the environment relays requests', async () => {
    const sink = await startHttpSink();
    let passed = 0;
    const proxy = http.createServer((request, response) => {
        const { host, port, pathname } = new URL(request.url); // a proxy gets the whole URL
        assert.equal(host, `localhost:${sink.port}`);
        passed++;
        request.pipe(http.request({ host: '127.0.0.1', port, path: pathname, method: request.method,
            headers: request.headers }, (answer) => {
            response.writeHead(answer.statusCode, answer.headers);
            answer.pipe(response);
        }));
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    await exportTo(sink, {
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://localhost:${sink.port}`,
        http_proxy: `http://127.0.0.1:${proxy.address().port}`,
    });
    proxy.closeAllConnections();
    proxy.close();
    await sink.stop();
    assert.equal(passed, 1);
    assert.deepEqual(spansOf(sink.requests), reference);
});

async function startHaproxy(grpcPort) {
    const listener = net.createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address();
    const file = path.join(mkdtempSync(path.join(work, 'haproxy-')), 'haproxy.cfg');
    writeFileSync(file, `
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
    retries 0
frontend in
    bind fd@3 proto h2
    default_backend out
backend out
    server one 127.0.0.1:${grpcPort} proto h2
`);
    const proxy = await startProxy('/usr/sbin/haproxy', ['-db', '-f', file], () => true, [listener._handle.fd]);
    listener.close(); // haproxy has its own descriptor
    return { ...proxy, endpoint: `http://127.0.0.1:${port}` };
}

test('haproxy in between: gRPC', async () => {
    const sink = await startGrpcSink();
    const proxy = await startHaproxy(sink.port);
    await exportTo(sink, { OTEL_EXPORTER_OTLP_ENDPOINT: proxy.endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
    assert.deepEqual(spansOf(sink.requests), reference);
    await proxy.stop();
    await sink.stop();
});

// A response in HTML without a grpc-status and a truncated stream are retried. Spec: protocol/otlp.md#failures
test('haproxy without a server: the disk queue keeps the spans', async () => {
    const proxy = await startHaproxy(1); // nothing listens there
    const diskQueue = path.join(work, 'disk-queue');
    const { stderr } = await exportSpans({
        OTEL_EXPORTER_OTLP_ENDPOINT: proxy.endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
        OTEL_C_DISK_QUEUE_DIRECTORY: diskQueue, OTEL_LOG_LEVEL: 'debug',
    });
    assert.match(stderr, /UNAVAILABLE|closed without a response|reset the stream/);
    await proxy.stop();

    const sink = await startGrpcSink();
    const { status, stdout } = await run('bin/tote', ['send', diskQueue], {
        OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    });
    await sink.stop();
    assert.equal(status, 0, stdout);
    assert.deepEqual(spansOf(sink.requests), reference);
});

// The first responses of a receiver, the number of attempts, and the result for the spans. Spec: protocol/otlp.md#failures
const status = protobuf.parse(`syntax = "proto3";
    message Any { string type_url = 1; bytes value = 2; }
    message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
    message Duration { int64 seconds = 1; int32 nanos = 2; }
    message RetryInfo { Duration retry_delay = 1; }`, { keepCase: true }).root;
const encode = (type, fields) => Buffer.from(status.lookupType(type).encode(fields).finish());
const retryInfo = encode('Status', { code: 8, message: 'later', details: [{
    type_url: 'type.googleapis.com/google.rpc.RetryInfo',
    value: encode('RetryInfo', { retry_delay: { seconds: 0, nanos: 100000000 } }),
}] });
const html = { status: 503, headers: { 'content-type': 'text/html' }, body: '<html>not now</html>' };
const faults = {
    'http/protobuf': {
        '503 in HTML': [[html], 2, 'same'],
        '429 with Retry-After in seconds': [[{ status: 429, headers: { 'retry-after': '1' } }], 2, 'same'],
        '503 with Retry-After as a date': [[{ status: 503, headers: { 'retry-after': new Date(Date.now() + 3000).toUTCString() } }], 2, 'same'],
        'a connection that is closed': [[{ closes: true }], 2, 'same'],
        '502, then 504': [[{ status: 502 }, { status: 504 }], 3, 'same'],
        '202 with a body that cannot be read': [[{ status: 202, body: 'x' }], 1, 'same'],
        'a partial success': [[{ status: 200, body: Response.encode({ partialSuccess: { rejectedSpans: 1, errorMessage: 'one is bad' } }).finish() }], 1, 'same', /rejected 1 of 46 spans: one is bad/],
        '400': [[{ status: 400, body: 'no' }], 1, 'none', /responded with 400: no, 46 spans are lost/],
        '500': [[{ status: 500 }], 1, 'none', /responded with 500/],
        'a redirect': [[{ status: 302, headers: { location: 'http://127.0.0.1:1/' } }], 1, 'none', /responded with 302/],
        'an answer that expands to too much': [[{ status: 200, headers: { 'content-encoding': 'gzip' }, body: zlib.gzipSync(Buffer.alloc(64 << 20)) }], 1, 'same'],
    },
    grpc: {
        UNAVAILABLE: [[{ code: grpc.status.UNAVAILABLE }], 2, 'same'],
        'RESOURCE_EXHAUSTED with RetryInfo': [[{ code: grpc.status.RESOURCE_EXHAUSTED, metadata: { 'grpc-status-details-bin': retryInfo } }], 2, 'same'],
        'RESOURCE_EXHAUSTED without': [[{ code: grpc.status.RESOURCE_EXHAUSTED, details: 'too much' }], 1, 'none', /RESOURCE_EXHAUSTED.*too much/],
        INVALID_ARGUMENT: [[{ code: grpc.status.INVALID_ARGUMENT, details: 'not so' }], 1, 'none', /INVALID_ARGUMENT.*not so/],
        'a partial success': [[{ reply: { partialSuccess: { rejectedSpans: 2, errorMessage: 'two are bad' } } }], 1, 'same', /rejected 2 of 46 spans: two are bad/],
    },
};
for (const [protocol, table] of Object.entries(faults)) {
    for (const [name, [answers, attempts, outcome, words]] of Object.entries(table)) {
        test(`${protocol}, ${name}: ${attempts} attempts`, async () => {
            const sink = await startSink(protocol, {});
            sink.faults.push(...answers);
            const { stderr } = await exportSpans({
                OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
            });
            await sink.stop();
            assert.deepEqual(sink.complaints, []);
            assert.equal(sink.attempts, attempts, stderr);
            assert.deepEqual(spansOf(sink.requests), outcome === 'same' ? reference : []);
            if (words) assert.match(stderr, words);
        });
    }
}

// gRPC servers accept 4 MiB by default
test('grpc: a batch that is too large for one request is sent in several', async () => {
    const sink = await startGrpcSink();
    await exportTo(sink, { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10' });
    await sink.stop();
    assert.equal(sink.requests.length, 5);
    assert.deepEqual(spansOf(sink.requests), reference);
});
