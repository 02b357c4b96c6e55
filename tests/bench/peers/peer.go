// SPDX-License-Identifier: MIT

// peer.go - the workloads of bench with opentelemetry-go: an array of {id, median_ns}
package main

import (
	"context"
	"encoding/json"
	"os"
	"sort"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const repetitions = 9

type result struct {
	ID     string  `json:"id"`
	Median float64 `json:"median_ns"`
}

var results []result

var attributes = []attribute.KeyValue{
	attribute.String("http.request.method", "GET-0123456789ab"),
	attribute.String("url.path", "/checkout/012345"),
	attribute.Int("http.response.status_code", 200),
	attribute.Int("request.size", 123456),
	attribute.Bool("cache.hit", true),
}

func add(id string, times []float64) {
	sort.Float64s(times)
	results = append(results, result{id, times[len(times)/2]})
}

// row measures work, which runs its operation count times.
func row(id string, count int, work func(count int)) {
	times := make([]float64, repetitions)
	work(count / 10)
	for i := range times {
		start := time.Now()
		work(count)
		times[i] = float64(time.Since(start).Nanoseconds()) / float64(count)
	}
	add(id, times)
}

type nothing struct{}

func (nothing) OnStart(context.Context, sdk.ReadWriteSpan) {}
func (nothing) OnEnd(sdk.ReadOnlySpan)                     {}
func (nothing) Shutdown(context.Context) error             { return nil }
func (nothing) ForceFlush(context.Context) error           { return nil }

type counter struct{}

func (counter) ExportSpans(context.Context, []sdk.ReadOnlySpan) error { return nil }
func (counter) Shutdown(context.Context) error                        { return nil }

func start(options ...sdk.TracerProviderOption) (trace.Tracer, context.Context) {
	tracer := sdk.NewTracerProvider(options...).Tracer("bench")
	parent, _ := tracer.Start(context.Background(), "parent", trace.WithNewRoot())
	return tracer, parent
}

func spans(tracer trace.Tracer, parent context.Context, options ...trace.SpanStartOption) func(int) {
	return func(count int) {
		for i := 0; i < count; i++ {
			_, span := tracer.Start(parent, "work", options...)
			span.End()
		}
	}
}

func apiOnly(count int) {
	tracer := otel.Tracer("bench")
	for i := 0; i < count; i++ {
		_, span := tracer.Start(context.Background(), "work")
		span.SetAttributes(attribute.Int("key", i))
		span.End()
	}
}

func byCalls(tracer trace.Tracer, parent context.Context) func(int) {
	return func(count int) {
		for i := 0; i < count; i++ {
			_, span := tracer.Start(parent, "work")
			for _, a := range attributes {
				span.SetAttributes(a)
			}
			span.End()
		}
	}
}

// paced makes bursts; the time that the exporter needs between them is not counted.
func paced(id string) {
	processor := sdk.NewBatchSpanProcessor(counter{})
	tracer, parent := start(sdk.WithSpanProcessor(processor))
	work := spans(tracer, parent, trace.WithAttributes(attributes...))
	times := make([]float64, repetitions)
	for i := range times {
		spent := time.Duration(0)
		for burst := 0; burst < 100; burst++ {
			before := time.Now()
			work(512)
			spent += time.Since(before)
			_ = processor.ForceFlush(context.Background())
		}
		times[i] = float64(spent.Nanoseconds()) / 51200
	}
	add(id, times)
}

type discard struct{}

func (discard) Get(string) string  { return "" }
func (discard) Set(string, string) {}
func (discard) Keys() []string     { return nil }

type carrierOf map[string]string

func (c carrierOf) Get(key string) string { return c[key] }
func (c carrierOf) Set(key, value string) { c[key] = value }
func (c carrierOf) Keys() []string {
	keys := make([]string, 0, len(c))
	for key := range c {
		keys = append(keys, key)
	}
	return keys
}

func propagate(suffix string, propagator propagation.TextMapPropagator) {
	carrier := carrierOf{
		"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"baggage":     "user.id=u_0123456789,tenant=acme,attempt=1",
	}
	extracted := propagator.Extract(context.Background(), carrier)
	row("W5"+suffix, 200000, func(count int) {
		for i := 0; i < count; i++ {
			propagator.Inject(extracted, discard{})
		}
	})
	row("W6"+suffix, 200000, func(count int) {
		for i := 0; i < count; i++ {
			extracted = propagator.Extract(context.Background(), carrier)
		}
	})
}

func main() {
	row("W1", 1000000, apiOnly)
	tracer, parent := start(sdk.WithSampler(sdk.NeverSample()))
	row("W2", 200000, spans(tracer, parent))
	tracer, parent = start(sdk.WithSpanProcessor(nothing{}))
	row("W3", 200000, spans(tracer, parent, trace.WithAttributes(attributes...)))
	row("W3b", 200000, byCalls(tracer, parent))
	row("W3r", 200000, spans(tracer, parent, trace.WithAttributes(attributes...), trace.WithNewRoot()))
	row("W3a", 200000, spans(tracer, parent))
	paced("W4")
	propagate("", propagation.TraceContext{})
	propagate("b", propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	_ = json.NewEncoder(os.Stdout).Encode(results)
}
