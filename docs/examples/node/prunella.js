'use strict';
// Prunella's names for an Express app, with prom-client: copy this file beside your app. See docs/node.md.

const { AsyncLocalStorage } = require('node:async_hooks');
const { createHash, randomBytes } = require('node:crypto');
const client = require('prom-client');

const OTHER = 'other';
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT']);
const ACCEPTED = /^[A-Za-z0-9._:/+=@-]{1,128}$/;
const TRACE = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const SEVERITIES = new Set(['info', 'warning', 'error', 'critical']);
const SECRET = /(?:^|[_.-])(?:token|password|passwd|secret|authorization|api_?key|cookie|dsn)$/i;

const work = new AsyncLocalStorage();

const requests = new client.Counter({
  name: 'http_requests_total', help: 'HTTP requests answered.', labelNames: ['method', 'route', 'status'],
});
const durations = new client.Histogram({
  name: 'http_request_duration_seconds', help: "Time from a request's header to the end of its answer.",
  labelNames: ['method', 'route'],
  buckets: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2, 3, 5, 10, 30],
});
const inProgress = new client.Gauge({ name: 'http_requests_in_progress', help: 'HTTP requests being answered now.' });
const errors = new client.Counter({
  name: 'app_errors_total', help: 'Errors reported by the app.', labelNames: ['severity', 'fingerprint'],
});
const operations = new client.Histogram({
  name: 'app_operation_seconds', help: 'How long an operation of the app took.', labelNames: ['kind', 'name', 'outcome'],
  buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120],
});
const dropped = new client.Counter({
  name: 'prunella_series_dropped_total', help: 'Observations counted under `other` because their label had too many values.', labelNames: ['metric'],
});

// The first so many values of a label, then `other`: no client can fill the memory of Prometheus by making names up.
function bounded(metric, limit) {
  const known = new Set();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= limit) { dropped.inc({ metric }); return OTHER; }
    known.add(value);
    return value;
  };
}
const routes = bounded('http_requests_total', 500);
const fingerprints = bounded('app_errors_total', 500);
const names = bounded('app_operation_seconds', 200);

// Of a mounted router Express keeps only the path as it came, so what a parameter held is put back.
function routeOf(req) {
  if (!req.route) return OTHER;
  let base = req.baseUrl || ''; // an error has left the mounted router already
  for (const [name, value] of Object.entries(req.params || {})) {
    base = base.split('/').map((part) => (part === value ? `:${name}` : part)).join('/');
  }
  return routes(base + req.route.path);
}

function correlationId() { return (work.getStore() || { id: '' }).id; }

function middleware({ metricsPath } = {}) {
  return (req, res, next) => {
    const trace = TRACE.exec(req.get('traceparent') || '');
    const received = req.get('x-correlation-id') || '';
    const id = ACCEPTED.test(received) ? received : trace ? trace[1] : randomBytes(16).toString('hex');
    const began = process.hrtime.bigint();
    inProgress.inc();
    res.set('X-Correlation-ID', id);
    res.once('close', () => {
      const method = METHODS.has(req.method) ? req.method : OTHER;
      const route = req.path === metricsPath ? metricsPath : routeOf(req);
      inProgress.dec();
      requests.inc({ method, route, status: res.writableFinished ? res.statusCode : 499 });
      durations.observe({ method, route }, Number(process.hrtime.bigint() - began) / 1e9);
    });
    work.run({ id }, () => {
      if (req.path !== metricsPath || (req.method !== 'GET' && req.method !== 'HEAD')) return next();
      client.register.metrics().then((page) => res.type(client.register.contentType).send(page), next);
    });
  };
}

// The same for every error of one type raised on one path, whatever its message and line numbers.
function fingerprint(error) {
  const frames = String(error.stack || '').split('\n').filter((line) => /^\s+at /.test(line))
    .filter((line) => !/node_modules|node:/.test(line)).slice(0, 5)
    .map((line) => line.trim().replace(/\(?([^\s(]*[\\/])?([^\\/()]+?)(:\d+)*\)?$/, '$2').replace(/\d+/g, '<n>'));
  const path = frames.length ? frames : [String(error.message).replace(/0x[0-9a-f]+|\d+/gi, '<n>')];
  return createHash('sha256').update([error.name, ...path].join('|')).digest('hex').slice(0, 12);
}

function trackError(error, severity = 'error', context = {}) {
  const mark = fingerprint(error);
  errors.inc({ severity: SEVERITIES.has(severity) ? severity : 'error', fingerprint: fingerprints(mark) });
  createLogger('errors').error(error.stack || String(error), { ...context, fingerprint: mark });
  return mark;
}

// After the routes: counts what none of them has caught, and leaves the answer to Express.
function errorHandler() {
  return (error, req, res, next) => {
    if (!(error.status >= 400 && error.status < 500)) trackError(error, 'error', { route: routeOf(req) });
    next(error);
  };
}

async function timer(kind, name, run) {
  const end = operations.startTimer({ kind, name: names(name) });
  try { const result = await run(); end({ outcome: 'ok' }); return result; } catch (error) { end({ outcome: 'error' }); throw error; }
}

// `[UserService] [abc12345] …` on a terminal, JSON for machines.
function createLogger(name) {
  const log = (level) => (message, extra = {}) => {
    const shown = Object.fromEntries(Object.entries(extra).map(([k, v]) => [k, SECRET.test(k) ? '***' : v]));
    const id = correlationId();
    const line = process.stderr.isTTY
      ? `[${name}]${id ? ` [${id.slice(0, 8)}]` : ''} ${JSON.stringify(message).slice(1, -1)} ${JSON.stringify(shown)}`
      : JSON.stringify({ ts: new Date().toISOString(), level, logger: name, msg: String(message), ...(id && { correlation_id: id }), ...shown });
    process.stderr.write(`${line}\n`);
  };
  return { debug: log('debug'), info: log('info'), warning: log('warning'), error: log('error') };
}

module.exports = { correlationId, createLogger, errorHandler, middleware, timer, trackError };
