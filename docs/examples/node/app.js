'use strict';
// A small Express app with the three lines. PORT says where it listens; with SENTRY_DSN its errors go to Prunella's intake.

if (process.env.SENTRY_DSN) require('@sentry/node').init({ dsn: process.env.SENTRY_DSN, release: '1.2.0' });

const express = require('express');
const prunella = require('./prunella');

const app = express();
app.use(prunella.middleware({ metricsPath: '/metrics' }));

const log = prunella.createLogger('UserService');
const tenants = express.Router({ mergeParams: true });
tenants.get('/items/:id', (req, res) => res.json({ tenant: req.params.tenant }));
app.use('/api/:tenant', tenants);
app.get('/orders/:id', async (req, res) => {
  await prunella.timer('db', 'load_order', async () => req.params.id);
  log.info('order shown', { order: req.params.id, api_key: 'never shown' });
  res.json({ order: req.params.id, as: prunella.correlationId() });
});
app.get('/fail/:id', (req) => { throw new Error(`no order ${req.params.id}`); });
app.get('/health', (req, res) => res.json({ status: 'healthy' }));

if (process.env.SENTRY_DSN) require('@sentry/node').setupExpressErrorHandler(app);
app.use(prunella.errorHandler());

const server = app.listen(Number(process.env.PORT || 3000), '127.0.0.1');
process.once('SIGTERM', () => server.close());
