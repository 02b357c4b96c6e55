// SPDX-License-Identifier: MIT
//
// relays.mjs - examples/relay.c in chains with services of opentelemetry-js: C -> JS -> C -> JS
//
// Tests have a comment where opentelemetry-js differs from the specification, or where both may differ.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import readline from 'node:readline';
import { test } from 'node:test';
import { baggageEntryMetadataFromString, createTraceState } from '@opentelemetry/api';
import { MockOtlpServer } from '@elastic/mockotlpserver';
import { get, makeTracer, propagation, propagators, ROOT_CONTEXT, startPeer, trace } from './peer.mjs';

const bin = path.join(path.resolve(process.env.TOTE_BUILD_DIR ?? 'build'), 'bin');
const formats = Object.keys(propagators);
const hasMetadata = (format) => format.includes('baggage');
const hasTraceState = (format) => format.includes('tracecontext');

// A relay in C. Returns { url, stop, which waits until its spans are sent }
async function startRelay(format, endpoint) {
    const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', no_proxy: '*', OTEL_PROPAGATORS: format };
    if (endpoint) {
        env.OTEL_EXPORTER_OTLP_ENDPOINT = endpoint;
    } else {
        env.OTEL_TRACES_EXPORTER = 'none';
    }
    const child = spawn(path.join(bin, 'relay'), ['--port', '0'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(readline.createInterface(child.stdout), 'line');
    const [, address] = line.match(/^listening on (127\.0\.0\.1:\d+)$/);
    return {
        url: `http://${address}`,
        stop: async () => {
            child.kill('SIGTERM');
            const [code] = await once(child, 'exit');
            assert.equal(code, 0, 'the relay ends well');
        },
    };
}

// The URL that passes through each of the services and ends at /ctx of the last one.
const chain = (services) => services.slice(0, -1).reduceRight(
    (next, service) => `${service.url}/hop?url=${encodeURIComponent(next)}`,
    `${services.at(-1).url}/ctx`);

// C -> JS -> C -> JS, all of one format. Returns what `use` returns.
async function withChain(format, endpoint, use) {
    const services = [
        await startRelay(format, endpoint), await startPeer(propagators[format]),
        await startRelay(format, endpoint), await startPeer(propagators[format]),
    ];
    try {
        return await use(services);
    } finally {
        for (const service of services) {
            await service.stop?.();
            service.close?.();
        }
    }
}

// 60 entries; names are in lower case, because node converts header names.
const entries = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [
    `key-${i}`, { value: ['plain', 'żółw 🐢', 'a b%2C;=,', '1+1', ''][i % 5] + i },
]));
const valuesOf = Object.fromEntries(Object.entries(entries).map(([name, { value }]) => [name, value]));

const metadata = (format, text) => hasMetadata(format) ? baggageEntryMetadataFromString(text) : undefined;

function callerContext(format) {
    const all = structuredClone(entries);
    all['key-0'].metadata = metadata(format, 'p=1;q');
    all['key-1'].metadata = metadata(format, 'only');
    return propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage(all));
}

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const spansOf = (requests) => requests
    .flatMap((request) => request.resourceSpans)
    .flatMap((ofResource) => ofResource.scopeSpans)
    .flatMap((ofScope) => ofScope.spans)
    .map((span) => ({ id: hex(span.spanId), parent: hex(span.parentSpanId), trace: hex(span.traceId) }));
const peerSpans = (service) => service.spans().map((span) => ({
    id: span.spanContext().spanId, parent: span.parentSpanContext?.spanId, trace: span.spanContext().traceId,
}));

// The parent of each span is the span before it, in C or JS. Spec: context/api-propagators.md#propagators-distribution
for (const format of formats) {
    test(`a sampled trace is one through C, JS, C, JS in ${format}`, async () => {
        const requests = [];
        const receiver = new MockOtlpServer({
            logLevel: 'error', services: ['http'], httpHostname: '127.0.0.1', httpPort: 0,
            onTrace: (request) => requests.push(request),
        });
        await receiver.start();
        try {
            const caller = makeTracer();
            let all = [];
            const { body, span } = await withChain(format, receiver.httpUrl, async (services) => {
                const answer = await get(chain(services), {
                    tracer: caller.tracer, propagator: propagators[format], parent: callerContext(format),
                });
                all = services.filter((service) => service.spans).flatMap(peerSpans);
                return answer;
            });
            all.push(...spansOf(requests));
            const { traceId, spanId } = span.spanContext();
            const last = JSON.parse(body);
            assert.equal(all.length, 7, 'four servers, three clients');
            assert.ok(all.every((one) => one.trace === traceId), 'one trace id');
            const parents = [last.span_id];
            for (let at = last.span_id; at !== spanId; parents.push(at)) {
                at = all.find((one) => one.id === at)?.parent;
                assert.ok(at, 'no parent is missing');
            }
            assert.equal(parents.length, 8, 'the caller, and all seven');
            assert.equal(last.parent_id, parents[1]);
            // The random flag, which C sets and keeps, is dropped by JS 2.12.
            assert.equal(last.flags, '01');
            assert.deepEqual(last.baggage, valuesOf);
            assert.deepEqual(last.baggage_metadata, hasMetadata(format) ? { 'key-0': 'p=1;q', 'key-1': 'only' } : {});
        } finally {
            await receiver.close();
        }
    });

    // A decision not to sample applies to every service
    test(`an unsampled trace stays one through C, JS, C in ${format}`, async () => {
        const relay = await startRelay(format);
        const peer = await startPeer(propagators[format]);
        const last = await startRelay(format);
        try {
            const { tracer, spans } = makeTracer(false);
            const { body, span, sent } = await get(chain([relay, peer, last]), {
                tracer, propagator: propagators[format], parent: callerContext(format),
            });
            const context = JSON.parse(body);
            assert.equal(span.spanContext().traceFlags, 0);
            assert.equal(context.trace_id, span.spanContext().traceId);
            assert.equal(context.flags, '00');
            assert.deepEqual(context.baggage, valuesOf);
            assert.notEqual(context.parent_id, span.spanContext().spanId);
            assert.equal(spans().length + peer.spans().length, 0, 'nobody recorded');
            // The parent of the peer is the relay in between, and not the caller.
            const id = Object.entries(peer.seen[0]).find(([name]) => name in sent && !name.startsWith('key'));
            assert.ok(id, 'the relay wrote the headers that the caller did');
        } finally {
            peer.close();
            await relay.stop();
            await last.stop();
        }
    });
}

// JS keeps at most 512 characters. Spec: w3c/trace-context, tracestate
test('tracestate is unchanged through C, JS, C, JS', async () => {
    const list = Array.from({ length: 28 }, (_, i) => `vendor${i}=value ${i}`).join(',');
    const format = 'tracecontext,baggage';
    await withChain(format, undefined, async (services) => {
        const remote = trace.setSpanContext(ROOT_CONTEXT, {
            traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1,
            traceState: createTraceState(list), isRemote: true,
        });
        const { body } = await get(chain(services), {
            tracer: makeTracer().tracer, propagator: propagators[format], parent: remote,
        });
        assert.equal(JSON.parse(body).tracestate, list);
        assert.equal(JSON.parse(body).trace_id, '0af7651916cd43dd8448eb211c80319c');
    });
});

const trace128 = '80f198ee56343ba864fe8b2a57d3eff7';
const span64 = 'e457b5a2e4d86bd1';

// GET with exactly these headers. Returns the JSON of the response
async function ask(url, headers) {
    const [response] = await once(http.get(url, { headers, agent: false }), 'response');
    return JSON.parse(Buffer.concat(await response.toArray()).toString());
}

// The debug flag is relayed, and is sampled everywhere. Spec: context/api-propagators.md#b3-requirements
for (const format of ['b3,baggage', 'b3multi,baggage']) {
    test(`debug is relayed through C and JS in ${format}`, async () => {
        const relay = await startRelay(format);
        const peer = await startPeer(propagators[format]);
        const last = await startRelay(format);
        try {
            const headers = format.startsWith('b3multi')
                ? { 'X-B3-TraceId': trace128, 'X-B3-SpanId': span64, 'X-B3-Flags': '1' }
                : { b3: `${trace128}-${span64}-d` };
            const answer = await ask(chain([relay, peer, last]), headers);
            assert.equal(answer.trace_id, trace128);
            assert.equal(answer.flags, '01');
            if (format.startsWith('b3multi')) {
                assert.equal(peer.seen[0]['x-b3-flags'], '1');
                assert.equal(peer.seen[0]['x-b3-sampled'], undefined);
                assert.equal(peer.seen[0]['x-b3-parentspanid'], undefined);
            } else {
                assert.match(peer.seen[0].b3, /-d$/);
            }
        } finally {
            peer.close();
            await relay.stop();
            await last.stop();
        }
    });
}

// Without a decision the receiver decides; the JS SDK does not sample. Spec: context/api-propagators.md#b3-requirements
test('an undecided b3 is decided by the sampler of the receiver', async () => {
    const format = 'b3,baggage';
    const relay = await startRelay(format);
    const peer = await startPeer(propagators[format]);
    try {
        const undecided = { b3: `${trace128}-${span64}` };
        assert.equal((await ask(`${relay.url}/ctx`, undecided)).flags, '01');
        assert.equal((await ask(`${peer.url}/ctx`, undecided)).flags, '00');
        const behind = await ask(chain([relay, peer]), undecided);
        assert.equal(behind.trace_id, trace128);
        assert.match(peer.seen.at(-1).b3, /-1$/, 'the sampler of the relay has decided');
    } finally {
        peer.close();
        await relay.stop();
    }
});

// The single form wins in JS and C; ids in upper case are invalid. Spec: context/api-propagators.md#b3-extract
test('the single form of b3 wins, and ids in upper case are ignored', async () => {
    const format = 'b3multi,baggage';
    const relay = await startRelay(format);
    const peer = await startPeer(propagators[format]);
    const both = {
        b3: `${trace128}-${span64}-1`,
        'x-b3-traceid': '1'.repeat(32), 'x-b3-spanid': '2'.repeat(16), 'x-b3-sampled': '0',
    };
    try {
        for (const service of [relay, peer]) {
            assert.equal((await ask(`${service.url}/ctx`, both)).trace_id, trace128);
            const upper = { b3: `${trace128.toUpperCase()}-${span64}-1` };
            const context = await ask(`${service.url}/ctx`, upper);
            assert.notEqual(context.trace_id.toLowerCase(), trace128);
            assert.equal(context.parent_id, '0'.repeat(16));
        }
    } finally {
        peer.close();
        await relay.stop();
    }
});

// Forms that Jaeger's own clients send. Spec: jaegertracing.io client-libraries.md
test('short ids, encoded colons and 64-bit traces of jaeger mean the same to C and JS', async () => {
    const format = 'jaeger';
    const relay = await startRelay(format);
    const peer = await startPeer(propagators[format]);
    const rows = [
        ['a3ce929d0e0e4736:1:0:1', '0000000000000000a3ce929d0e0e4736', '0000000000000001', '01'],
        ['3ce929d0e0e4736%3Af067aa0ba902b7%3A0%3A01', '000000000000000003ce929d0e0e4736', '00f067aa0ba902b7', '01'],
        [`${trace128}:${span64}:7:00`, trace128, span64, '00'],
    ];
    try {
        for (const service of [relay, peer]) {
            for (const [value, traceId, parentId, flags] of rows) {
                const context = await ask(`${service.url}/ctx`, { 'uber-trace-id': value });
                assert.deepEqual([context.trace_id, context.parent_id, context.flags], [traceId, parentId, flags]);
            }
            // Without a valid trace, baggage is still read.
            const loose = await ask(`${service.url}/ctx`, { 'uberctx-user': 'a%20b' });
            assert.deepEqual(loose.baggage, { user: 'a b' });
        }
        // Only C reads the header that is written by hand.
        const byHand = { 'jaeger-baggage': 'k1=v1, k2=v2' };
        assert.deepEqual((await ask(`${relay.url}/ctx`, byHand)).baggage, { k1: 'v1', k2: 'v2' });
        assert.deepEqual((await ask(`${peer.url}/ctx`, byHand)).baggage, {});
    } finally {
        peer.close();
        await relay.stop();
    }
});

// Spec: w3c/trace-context
test('two traceparent headers are ignored, and a bad tracestate does not affect the traceparent', async () => {
    const relay = await startRelay('tracecontext,baggage');
    const peer = await startPeer(propagators['tracecontext,baggage']);
    const traceparent = `00-${trace128}-${span64}-01`;
    try {
        for (const service of [relay, peer]) {
            const twice = { traceparent: [traceparent, traceparent], tracestate: 'a=1' };
            const context = await ask(`${service.url}/ctx`, twice);
            assert.notEqual(context.trace_id, trace128);
            assert.equal(context.tracestate, '');
        }
        const long = Array.from({ length: 32 }, (_, i) => `k${i}=${'v'.repeat(256)}`).join(',');
        assert.equal((await ask(`${relay.url}/ctx`, { traceparent, tracestate: long })).tracestate, long);
        // JS keeps the members that fit into 512 characters.
        assert.equal((await ask(`${peer.url}/ctx`, { traceparent, tracestate: long })).tracestate, `k0=${'v'.repeat(256)}`);
        // One invalid member: C drops the list, as in W3C Trace Context; JS drops the member.
        const bad = { traceparent, tracestate: 'a=1,B=2' };
        assert.equal((await ask(`${relay.url}/ctx`, bad)).tracestate, '');
        assert.equal((await ask(`${peer.url}/ctx`, bad)).tracestate, 'a=1');
        // Several lines: node joins them, libmicrohttpd does not.
        const lines = { traceparent, tracestate: ['a=1', 'b=2'] };
        for (const service of [relay, peer]) {
            assert.equal((await ask(`${service.url}/ctx`, lines)).tracestate, 'a=1,b=2');
        }
    } finally {
        peer.close();
        await relay.stop();
    }
});

// C and JS read the same baggage. Spec: w3c/baggage
test('baggage with properties, escapes and 180 members is the same to C and JS', async () => {
    const relay = await startRelay('tracecontext,baggage');
    const peer = await startPeer(propagators['tracecontext,baggage']);
    const many = Array.from({ length: 180 }, (_, i) => `k${i}=${i}`).join(',');
    try {
        for (const service of [relay, peer]) {
            const context = await ask(`${service.url}/ctx`, { baggage: 'b=two%20words;p=q, c = a+b , d=%25' });
            assert.deepEqual(context.baggage, { b: 'two words', c: 'a+b', d: '%' });
            assert.deepEqual(context.baggage_metadata, { b: 'p=q' });
            const all = await ask(`${service.url}/ctx`, { baggage: many });
            assert.equal(Object.keys(all.baggage).length, 180);
        }
        // Invalid UTF-8: U+FFFD in C, as in W3C Baggage; JS leaves the member out.
        const broken = { baggage: 'k=%FF,l=1' };
        assert.deepEqual((await ask(`${relay.url}/ctx`, broken)).baggage, { k: '\uFFFD', l: '1' });
        assert.deepEqual((await ask(`${peer.url}/ctx`, broken)).baggage, { l: '1' });
    } finally {
        peer.close();
        await relay.stop();
    }
});

// The request of the W3C service test suite: each argument is sent to its URL with its own span
test('POST /test posts each argument to its URL', async () => {
    const relay = await startRelay('tracecontext,baggage');
    const got = [];
    const sink = http.createServer(async (request, response) => {
        const parts = await request.toArray();
        got.push({ headers: request.headers, method: request.method, body: JSON.parse(Buffer.concat(parts)) });
        response.end();
    });
    sink.listen(0, '127.0.0.1');
    await once(sink, 'listening');
    try {
        const url = `http://127.0.0.1:${sink.address().port}/`;
        const calls = [{ url, arguments: [1, { a: 'ü' }] }, { url, arguments: [] }];
        const response = await fetch(`${relay.url}/test`, {
            method: 'POST', body: JSON.stringify(calls),
            headers: { traceparent: `00-${trace128}-${span64}-01`, tracestate: 'a=1, b=2', baggage: 'k=v' },
        });
        assert.equal(response.status, 200);
        await response.text();
        assert.deepEqual(got.map(({ method, body }) => [method, body]), [['POST', [1, { a: 'ü' }]], ['POST', []]]);
        const parents = got.map(({ headers }) => headers.traceparent.split('-'));
        assert.deepEqual(parents.map(([version, id, , flags]) => [version, id, flags]),
            Array(2).fill(['00', trace128, '01']));
        assert.equal(new Set([span64, ...parents.map(([, , id]) => id)]).size, 3, 'a span for each call');
        for (const { headers } of got) {
            assert.equal(headers.tracestate, 'a=1,b=2');
            assert.equal(headers.baggage, 'k=v');
            assert.equal(headers['content-type'], 'application/json');
        }
        for (const body of ['', '{', '{}', '1']) {
            const bad = await fetch(`${relay.url}/test`, { method: 'POST', body });
            assert.equal(bad.status, 400);
            await bad.text();
        }
    } finally {
        sink.close();
        await relay.stop();
    }
});
