// A producer and workers of real BullMQ, led by JSON lines on stdin and answering with JSON lines on stdout.
// argv: the major (5 or 6), where its jobs are kept (redis://… or postgresql://…), the prefix (a schema, in PostgreSQL).
const [, , major, url, prefix] = process.argv;
const bullmq = require(`bullmq${major}`);
const inPostgres = url.startsWith("postgres");

const where = inPostgres
  ? { connection: { connectionString: url, schema: prefix, migrate: true } }
  : { connection: { url, maxRetriesPerRequest: null }, prefix };
if (inPostgres) bullmq.setDefaultBackendFactory(bullmq.createPostgresBackend);

const queues = new Map();
const workers = [];
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

function queue(name) {
  if (!queues.has(name)) queues.set(name, new bullmq.Queue(name, where));
  return queues.get(name);
}

// A job does what its data says: take so many ms, and fail.
async function run(job) {
  say({ ran: [job.queueName, job.id] });
  const { ms = 0, fail = false } = job.data ?? {};
  if (ms) await new Promise((resolve) => setTimeout(resolve, ms));
  if (fail) throw new Error("told to fail");
  return "done";
}

function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof bullmq.Job) return { id: value.id, name: value.name };
  return value ?? null;
}

const commands = {
  call: async ({ queue: name, method, args }) => plain(await queue(name)[method](...args)),
  work: async ({ queue: name, options }) => {
    const worker = new bullmq.Worker(name, run, { ...where, ...options });
    worker.on("error", (error) => say({ trouble: String(error) }));
    workers.push(worker);
    await worker.waitUntilReady();
    return null;
  },
  flow: async ({ tree }) => {
    const producer = new bullmq.FlowProducer(where);
    await producer.add(tree);
    await producer.close();
    return null;
  },
  rest: async ({ force }) => {
    await Promise.all(workers.splice(0).map((worker) => worker.close(force)));
    return null;
  },
};

require("node:readline")
  .createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const { id, command, ...rest } = JSON.parse(line);
    try {
      say({ id, result: await commands[command](rest) });
    } catch (error) {
      say({ id, error: String(error.stack ?? error) });
    }
  })
  .on("close", () => process.exit(0)); // whoever led it is gone
say({ id: 0, result: "ready" });
