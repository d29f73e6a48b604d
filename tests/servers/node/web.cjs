// A web app for process managers to work on: answers with its pid, holds memory until it is told to let go, finishes its
// requests on SIGINT. In the folder that it is given the file `broken` lets it crash at its start, `slow` come up late and
// answer late.
'use strict';
const fs = require('node:fs');
const http = require('node:http');

const [port, folder] = process.argv.slice(2);
const is = (name) => fs.existsSync(`${folder}/${name}`);
if (is('broken')) process.exit(3);

let held = Buffer.alloc(96 << 20, 1);
const letGo = () => {
  held = null;
  if (global.gc) global.gc();
  fs.appendFileSync(`${folder}/collected`, `${process.pid}\n`);
};
process.on('SIGUSR2', letGo);

const server = http.createServer((request, response) => {
  if (request.method === 'POST' && request.url === '/gc') letGo();
  setTimeout(() => response.end(String(process.pid)), is('slow') ? 2500 : 5);
});
// not at once: Node's cluster hands over connections until the end, and those would hang
process.on('SIGINT', () => server.close(() => setTimeout(() => process.exit(0), 250)));
setTimeout(() => server.listen(Number(port), '127.0.0.1'), is('slow') ? 1500 : 0);
