// Both services under PM2, beside the apps that it runs already: pm2 start docs/examples/ecosystem.config.js
// Prunella never acts on itself: do not name these two in `targets:`.
const python = process.env.PRUNELLA_PYTHON || "/opt/prunella/bin/python";
const folder = process.env.PRUNELLA_CONFIG || "/etc/prunella";

const service = (name, module) => ({
  name,
  interpreter: "none",
  script: python,
  args: ["-m", module, "--config", `${folder}/${module}.yml`],
  cwd: process.env.PRUNELLA_STATE || "/var/lib/prunella",
  autorestart: true,
  exp_backoff_restart_delay: 200, // ms at first; a wrong config must not become a loop
  kill_timeout: 12000, // ms: the receiver finishes what it has begun within ten seconds
  max_memory_restart: "512M",
  env: { PYTHONDONTWRITEBYTECODE: "1" },
});

module.exports = {
  apps: [service("prunella-receiver", "receiver"), service("prunella-exporter", "exporter")],
};
