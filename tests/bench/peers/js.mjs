// SPDX-License-Identifier: MIT
//
// js.mjs - the workloads of bench with opentelemetry-js: an array of {id, median_ns}
import * as api from '@opentelemetry/api';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import {
  AlwaysOffSampler, BasicTracerProvider, BatchSpanProcessor, InMemorySpanExporter, NoopSpanProcessor,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

const REPETITIONS = 9;
const attributes = {
  'http.request.method': 'GET-0123456789ab', 'url.path': '/checkout/012345',
  'http.response.status_code': 200, 'request.size': 123456, 'cache.hit': true,
};
const headers = {
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  baggage: 'user.id=u_0123456789,tenant=acme,attempt=1',
};
const results = [];
let sink;

function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

function add(id, times) {
  results.push({ id, median_ns: median(times) });
}

// `work` does its job `count` times.
function row(id, count, work) {
  const times = [];
  work(count / 10);
  for (let i = 0; i < REPETITIONS; i++) {
    const start = process.hrtime.bigint();
    work(count);
    times.push(Number(process.hrtime.bigint() - start) / count);
  }
  add(id, times);
}

function provider(options) {
  const made = new BasicTracerProvider(options);
  const tracer = made.getTracer('bench', '1.0');
  const parent = tracer.startSpan('parent', { root: true });
  return { made, tracer, context: api.trace.setSpan(api.ROOT_CONTEXT, parent) };
}

function spans({ tracer, context }, options) {
  return (count) => {
    for (let i = 0; i < count; i++) {
      tracer.startSpan('work', options, context).end();
    }
  };
}

function apiOnly(count) {
  const tracer = api.trace.getTracer('bench', '1.0');
  for (let i = 0; i < count; i++) {
    const span = tracer.startSpan('work');
    span.setAttribute('key', i);
    span.end();
  }
}

function byCalls({ tracer, context }) {
  const pairs = Object.entries(attributes);
  return (count) => {
    for (let i = 0; i < count; i++) {
      const span = tracer.startSpan('work', undefined, context);
      for (const [key, value] of pairs) {
        span.setAttribute(key, value);
      }
      span.end();
    }
  };
}

// Bursts; the time that the exporter needs between them is not counted.
async function paced(id) {
  const exporter = { export: (_, done) => done({ code: 0 }), shutdown: async () => {}, forceFlush: async () => {} };
  const processor = new BatchSpanProcessor(exporter);
  const work = spans(provider({ spanProcessors: [processor] }), { attributes });
  const times = [];
  for (let i = 0; i < REPETITIONS + 1; i++) {
    let spent = 0n;
    for (let burst = 0; burst < 100; burst++) {
      const start = process.hrtime.bigint();
      work(512);
      spent += process.hrtime.bigint() - start;
      await processor.forceFlush();
    }
    times.push(Number(spent) / 51200);
  }
  add(id, times.slice(1));
}

function propagation(suffix, propagator) {
  const setter = { set: (_, key, value) => { sink = value; } };
  const getter = { get: (carrier, key) => carrier[key], keys: Object.keys };
  const context = propagator.extract(api.ROOT_CONTEXT, headers, getter);
  row('W5' + suffix, 200000, (count) => {
    for (let i = 0; i < count; i++) {
      propagator.inject(context, undefined, setter);
    }
  });
  row('W6' + suffix, 200000, (count) => {
    for (let i = 0; i < count; i++) {
      sink = propagator.extract(api.ROOT_CONTEXT, headers, getter);
    }
  });
}

function encoding() {
  const exporter = new InMemorySpanExporter();
  const { tracer, context } = provider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  for (let i = 0; i < 512; i++) {
    const span = tracer.startSpan('work', { attributes }, context);
    span.addEvent('retry');
    span.end();
  }
  const ended = exporter.getFinishedSpans();
  row('W7', 51200, (count) => {
    for (let done = 0; done < count; done += 512) {
      sink = ProtobufTraceSerializer.serializeRequest(ended);
    }
  });
}

row('W1', 1e6, apiOnly);
row('W2', 200000, spans(provider({ sampler: new AlwaysOffSampler() })));
const recording = provider({ spanProcessors: [new NoopSpanProcessor()] });
row('W3', 200000, spans(recording, { attributes }));
row('W3b', 200000, byCalls(recording));
row('W3r', 200000, spans(recording, { attributes, root: true }));
row('W3a', 200000, spans(recording));
await paced('W4');
propagation('', new W3CTraceContextPropagator());
propagation('b', new CompositePropagator({
  propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
}));
encoding();
console.log(JSON.stringify(results));
