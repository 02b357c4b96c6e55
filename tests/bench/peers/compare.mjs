// SPDX-License-Identifier: MIT
//
// compare.mjs BENCH GO_PROGRAM - one run of each SDK after the other, side by side
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const [, , bench, go] = process.argv;
const ids = ['W1', 'W2', 'W3', 'W3b', 'W3r', 'W3a', 'W4', 'W5', 'W5b', 'W6', 'W6b', 'W7'];

function run(file, ...args) {
  console.error(`running ${file}`);
  const rows = JSON.parse(execFileSync(file, args, { encoding: 'utf8', maxBuffer: 1 << 24 }));
  return Object.fromEntries(rows.map((row) => [row.id, row]));
}

function figure(row) {
  const value = row && (row.median_ns ?? row.value);
  return (value === undefined ? '-' : value.toFixed(0)).padStart(10);
}

const tote = run(bench, '--json', ...ids);
const js = run(process.execPath, fileURLToPath(new URL('js.mjs', import.meta.url)));
const others = { tote, js, ...(go ? { go: run(go) } : {}) };

console.log('ns an operation, median'.padEnd(58) + Object.keys(others).map((n) => n.padStart(10)).join(''));
for (const id of ids) {
  const name = `${id.padEnd(4)} ${tote[id].name}`.slice(0, 58).padEnd(58);
  console.log(name + Object.values(others).map((rows) => figure(rows[id])).join(''));
}
