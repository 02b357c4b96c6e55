// SPDX-License-Identifier: MIT
//
// sinks.mjs - strict receivers: a request that does not match the published definitions exactly gets an error
//
// A sink has an `endpoint`, the decoded `requests` that it accepted, its `complaints`, and `faults`: responses to send, one
// after the other, before it accepts a request.
import grpc from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';

const here = path.dirname(fileURLToPath(import.meta.url));
export const protos = path.join(here, 'node_modules/@elastic/mockotlpserver');

const root = new protobuf.Root();
root.resolvePath = (origin, target) => path.join(protos, target);
root.loadSync('opentelemetry/proto/collector/trace/v1/trace_service.proto');
const Request = root.lookupType('opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest');
export const Response =
    root.lookupType('opentelemetry.proto.collector.trace.v1.ExportTraceServiceResponse');
root.resolveAll();

const asObject = { longs: String, enums: Number, bytes: String };

// Encoded once more it is the same: no unknown field, no default value, no field out of order.
export function decodeProtobuf(bytes) {
    const message = Request.decode(bytes);
    if (!Buffer.from(Request.encode(message).finish()).equals(Buffer.from(bytes))) {
        throw new Error('the request has fields that the definitions do not have, or in another order');
    }
    return Request.toObject(message, asObject);
}

const integers = /^-?(0|[1-9][0-9]*)$/;
const isId = (field) => ['traceId', 'spanId', 'parentSpanId'].includes(field.name);

function checkScalar(field, value, where) {
    const must = (what, isSo) => {
        if (!isSo) throw new Error(`${where} must be ${what}, is ${JSON.stringify(value)}`);
    };
    switch (field.type) {
    case 'string':
        must('text', typeof value === 'string');
        return value;
    case 'bool':
        must('true or false', typeof value === 'boolean');
        return value;
    case 'double':
        must('a number', typeof value === 'number' || ['NaN', 'Infinity', '-Infinity'].includes(value));
        return Number(value);
    case 'int64': case 'fixed64': case 'uint64':
        must('a number in a text', typeof value === 'string' && integers.test(value));
        return value;
    case 'bytes':
        must('text', typeof value === 'string');
        if (isId(field)) {
            must('hex', /^([0-9a-f]{16}){1,2}$/.test(value));
            return Buffer.from(value, 'hex').toString('base64');
        }
        must('base64', Buffer.from(value, 'base64').toString('base64') === value);
        return value;
    default: // 32 bits, and enumerations
        must('a whole number', Number.isInteger(value));
        return value;
    }
}

function checkMessage(type, object, where) {
    const checked = {};
    if (object === null || typeof object !== 'object' || Array.isArray(object)) {
        throw new Error(`${where} must be an object`);
    }
    for (const [key, value] of Object.entries(object)) {
        const field = type.fields[key];
        if (!field) throw new Error(`${where} has no field ${key}`);
        if (value === null) throw new Error(`${where}.${key} is null`);
        const check = (one) => field.resolvedType instanceof protobuf.Type
            ? checkMessage(field.resolvedType, one, `${where}.${key}`)
            : checkScalar(field, one, `${where}.${key}`);
        checked[key] = field.repeated ? value.map(check) : check(value);
    }
    return checked;
}

export const decodeJson = (text) => checkMessage(Request, JSON.parse(text), 'request');

// All data of each span, in the order of their ids, except data that differs between runs.
export function spansOf(requests) {
    const spans = requests.flatMap((request) => request.resourceSpans.flatMap((ofResource) =>
        ofResource.scopeSpans.flatMap((ofScope) => ofScope.spans.map((span) => ({
            resource: ofResource.resource.attributes.filter(({ key }) => !key.startsWith('process.') &&
                key !== 'service.instance.id'),
            resourceSchema: ofResource.schemaUrl,
            scope: ofScope.scope,
            scopeSchema: ofScope.schemaUrl,
            span,
        })))));
    const id = ({ span }) => Buffer.from(span.spanId, 'base64');
    return spans.sort((a, b) => Buffer.compare(id(a), id(b)));
}

// A CA, and certificates of a server and of a client.
export function makeCertificates() {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'tote-tls-'));
    const run = (...args) => {
        const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
        if (status !== 0) throw new Error(stderr);
    };
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    run('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=ca');
    for (const name of ['server', 'client']) {
        run('req', '-x509', ...key, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-keyout', `${name}.key`,
            '-out', `${name}.pem`, '-subj', `/CN=${name}`,
            '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost',
            '-addext', 'basicConstraints=critical,CA:FALSE');
    }
    return { folder, file: (name) => path.join(folder, name), read: (name) => readFileSync(path.join(folder, name)) };
}

function newSink() {
    return { requests: [], complaints: [], faults: [], attempts: 0 };
}

function takeHttp(sink, request, bytes) {
    if (request.method !== 'POST' || request.url !== '/v1/traces') {
        throw new Error(`${request.method} ${request.url}`);
    }
    const encoding = request.headers['content-encoding'];
    const body = encoding === 'gzip' ? zlib.gunzipSync(bytes) : bytes;
    const type = request.headers['content-type'];
    if (type === 'application/x-protobuf') return decodeProtobuf(body);
    if (type === 'application/json') return decodeJson(body.toString('utf8'));
    throw new Error(`content-type ${type}`);
}

// A fault: { status, headers, body }, or { closes: true }.
function answerHttp(sink, request, response, bytes) {
    const fault = sink.faults.shift();
    sink.attempts++;
    if (fault?.closes) {
        request.socket.destroy();
    } else if (fault && !(fault.status >= 200 && fault.status < 300)) {
        response.writeHead(fault.status, fault.headers).end(fault.body);
    } else {
        try {
            sink.requests.push(takeHttp(sink, request, bytes));
            const type = request.headers['content-type'];
            response.writeHead(fault?.status ?? 200, { 'content-type': type, ...fault?.headers })
                .end(fault?.body ?? (type === 'application/json' ? '{}' : ''));
        } catch (error) {
            sink.complaints.push(error.message);
            response.writeHead(400).end();
        }
    }
}

// { tls: certificates, asksClient, unix: path }
export async function startHttpSink({ tls, asksClient = false, unix } = {}) {
    const sink = newSink();
    const handle = async (request, response) => {
        const parts = [];
        for await (const part of request) parts.push(part);
        answerHttp(sink, request, response, Buffer.concat(parts));
    };
    const server = tls
        ? https.createServer({
            key: tls.read('server.key'), cert: tls.read('server.pem'), ca: tls.read('ca.pem'),
            requestCert: asksClient, rejectUnauthorized: asksClient,
        }, handle)
        : http.createServer(handle);
    if (unix) server.listen(unix);
    else server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    sink.port = server.address().port;
    sink.endpoint = unix ? `unix:${unix}` : `http${tls ? 's' : ''}://127.0.0.1:${sink.port}`;
    sink.stop = async () => {
        server.closeAllConnections();
        server.close();
    };
    return sink;
}

// A fault: { code, details, metadata: { name: text or bytes } }, or { reply }: a Response's fields.
export async function startGrpcSink({ tls, asksClient = false, unix, maxBytes = 4 << 20 } = {}) {
    const sink = newSink();
    const server = new grpc.Server({ 'grpc.max_receive_message_length': maxBytes });
    const handle = (call, callback) => {
        const fault = sink.faults.shift();
        sink.attempts++;
        if (fault?.code) {
            const metadata = new grpc.Metadata();
            for (const [name, value] of Object.entries(fault.metadata ?? {})) metadata.set(name, value);
            callback({ code: fault.code, details: fault.details, metadata });
            return;
        }
        try {
            sink.requests.push(decodeProtobuf(call.request));
            callback(null, fault?.reply ?? {});
        } catch (error) {
            sink.complaints.push(error.message);
            callback({ code: grpc.status.INVALID_ARGUMENT, details: error.message });
        }
    };
    server.addService({
        Export: {
            path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
            requestStream: false,
            responseStream: false,
            requestSerialize: (bytes) => bytes,
            requestDeserialize: (bytes) => bytes,
            responseSerialize: (fields) => Buffer.from(Response.encode(Response.fromObject(fields)).finish()),
            responseDeserialize: (bytes) => Response.decode(bytes),
        },
    }, { Export: handle });
    const credentials = tls
        ? grpc.ServerCredentials.createSsl(tls.read('ca.pem'), [{
            private_key: tls.read('server.key'), cert_chain: tls.read('server.pem'),
        }], asksClient)
        : grpc.ServerCredentials.createInsecure();
    const port = await new Promise((resolve, reject) => {
        server.bindAsync(unix ? `unix:${unix}` : '127.0.0.1:0', credentials,
            (error, bound) => (error ? reject(error) : resolve(bound)));
    });
    sink.port = port;
    sink.endpoint = unix ? `unix:${unix}` : `http${tls ? 's' : ''}://127.0.0.1:${port}`;
    sink.stop = async () => server.forceShutdown();
    return sink;
}
