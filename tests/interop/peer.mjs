// SPDX-License-Identifier: MIT
//
// peer.mjs - a service like examples/relay.c, on opentelemetry-js; several of them run in one process
import http from 'node:http';
import { once } from 'node:events';
import {
    context, propagation, ROOT_CONTEXT, SpanKind, trace, defaultTextMapGetter, defaultTextMapSetter,
} from '@opentelemetry/api';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { B3InjectEncoding, B3Propagator } from '@opentelemetry/propagator-b3';
import { JaegerPropagator } from '@opentelemetry/propagator-jaeger';
import {
    AlwaysOffSampler, AlwaysOnSampler, BasicTracerProvider, InMemorySpanExporter, ParentBasedSampler,
    SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

const withBaggage = (propagator) =>
    new CompositePropagator({ propagators: [propagator, new W3CBaggagePropagator()] });

// By their names in OTEL_PROPAGATORS.
export const propagators = {
    'tracecontext,baggage': withBaggage(new W3CTraceContextPropagator()),
    'b3,baggage': withBaggage(new B3Propagator()),
    'b3multi,baggage': withBaggage(new B3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER })),
    jaeger: new JaegerPropagator(),
};

// A tracer, and the spans that it started.
export function makeTracer(isSampled = true) {
    const exporter = new InMemorySpanExporter();
    const root = isSampled ? new AlwaysOnSampler() : new AlwaysOffSampler();
    const provider = new BasicTracerProvider({
        sampler: new ParentBasedSampler({ root }),
        spanProcessors: [new SimpleSpanProcessor(exporter)],
    });
    return { tracer: provider.getTracer('peer'), spans: () => exporter.getFinishedSpans() };
}

// GET with a client span, whose headers are sent. Returns { status, body, headers as sent }
export async function get(url, { tracer, propagator, parent = ROOT_CONTEXT, headers = {} }) {
    const span = tracer.startSpan('GET', { kind: SpanKind.CLIENT }, parent);
    const sent = { ...headers };
    propagator.inject(trace.setSpan(parent, span), sent, defaultTextMapSetter);
    try {
        const request = http.get(url, { headers: sent, agent: false });
        const [response] = await once(request, 'response');
        const parts = await response.toArray();
        return { status: response.statusCode, body: Buffer.concat(parts).toString(), sent, span };
    } finally {
        span.end();
    }
}

// The context of a request, in the JSON of the relay.
function describe(span, parent, active) {
    const { traceId, spanId, traceFlags, traceState } = span.spanContext();
    const entries = propagation.getBaggage(active)?.getAllEntries() ?? [];
    return {
        trace_id: traceId,
        span_id: spanId,
        parent_id: parent?.spanId ?? '0000000000000000',
        flags: traceFlags.toString(16).padStart(2, '0'),
        tracestate: traceState?.serialize() ?? '',
        baggage: Object.fromEntries(entries.map(([name, entry]) => [name, entry.value])),
        baggage_metadata: Object.fromEntries(entries
            .filter(([, entry]) => entry.metadata)
            .map(([name, entry]) => [name, entry.metadata.toString()])),
    };
}

// Start a service with /ctx and /hop. Returns { url, close, spans, seen: the received headers }
export async function startPeer(propagator) {
    const { tracer, spans } = makeTracer();
    const seen = [];
    const server = http.createServer(async (request, response) => {
        const url = new URL(request.url, 'http://localhost');
        const parent = propagator.extract(ROOT_CONTEXT, request.headers, defaultTextMapGetter);
        const span = tracer.startSpan(`GET ${url.pathname}`, { kind: SpanKind.SERVER }, parent);
        const active = trace.setSpan(parent, span);
        seen.push(request.headers);
        let answer = JSON.stringify(describe(span, trace.getSpanContext(parent), active));
        if (url.pathname === '/hop') {
            const hop = await get(url.searchParams.get('url'), { tracer, propagator, parent: active });
            answer = hop.body;
        }
        span.end();
        response.end(answer);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
        url: `http://127.0.0.1:${server.address().port}`,
        close: () => server.close(),
        spans,
        seen,
    };
}

export { context, propagation, ROOT_CONTEXT, trace };
