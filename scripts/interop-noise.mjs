// @ts-nocheck -- it runs only where Go is installed, and the agreement of both sides checks it there.
/**
 * An occasional check of the device channel against an independent implementation, github.com/flynn/noise, in
 * both roles and both patterns. It also has that implementation reproduce
 * packages/crypto/src/channel/noise-vectors.json. Needs Debian's `golang-go` and
 * `golang-github-flynn-noise-dev` (526 MB), so it is no part of `npm test`:
 *
 *     node_modules/.bin/node scripts/interop-noise.mjs
 *
 * Ends with 0 when everything agreed, 1 when not, 2 when Go or the library is missing.
 */
import { deepStrictEqual as same } from 'node:assert';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  createInitiator,
  createResponder,
  generateStaticKeyPair,
} from '../packages/crypto/src/channel/index.ts';

const goPath = '/usr/share/gocode';
if (!existsSync(join(goPath, 'src/github.com/flynn/noise'))) {
  console.error('Go or flynn/noise is missing: apt-get install golang-go golang-github-flynn-noise-dev');
  process.exit(2);
}
const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, '../packages/crypto/src/channel/noise-vectors.json'), 'utf8'),
);
const folder = mkdtempSync(join(tmpdir(), 'interop-noise-'));
let checks = 0;
try {
  const program = join(folder, 'interop-noise');
  execFileSync('go', ['build', '-o', program, join(import.meta.dirname, 'interop-noise.go')], {
    env: { ...process.env, GOPATH: goPath, GO111MODULE: 'off', GOCACHE: join(folder, 'cache'), GOFLAGS: '' },
    stdio: 'inherit',
  });
  for (const pattern of ['XK', 'NK']) {
    for (const goIsInitiator of [true, false]) await converse(program, pattern, goIsInitiator);
  }
  for (const vector of vectors) await reproduce(program, vector);
  console.log(`${checks} checks against flynn/noise agreed`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function converse(program, pattern, goIsInitiator) {
  const prologue = Buffer.from('interop');
  const server = generateStaticKeyPair();
  const device = generateStaticKeyPair();
  const go = start(program, [
    pattern,
    goIsInitiator,
    hex(prologue),
    goIsInitiator ? (pattern === 'XK' ? hex(device.privateKey) : '-') : hex(server.privateKey),
    goIsInitiator ? hex(server.publicKey) : '-',
    '-',
  ]);
  const ours = goIsInitiator
    ? createResponder({ pattern, prologue, staticKeyPair: server })
    : createInitiator({ pattern, prologue, remoteStatic: server.publicKey, staticKeyPair: device });
  let cipher;
  for (let step = 0; step < 20; step++) {
    const payload = Buffer.alloc(step * step * 100, step);
    if ((step % 2 === 0) === goIsInitiator) {
      const message = Buffer.from(await go.ask(`w ${hex(payload)}`), 'hex');
      same(hex(cipher ? cipher.open(message) : ours.readMessage(message)), hex(payload));
    } else {
      const message = cipher ? cipher.seal(payload) : ours.writeMessage(payload);
      same(await go.ask(`r ${hex(message)}`), hex(payload));
    }
    checks++;
    if (cipher === undefined && ours.done) {
      same(await go.ask('h'), hex(ours.handshakeHash));
      if (goIsInitiator && pattern === 'XK') same(hex(ours.remoteStatic), hex(device.publicKey));
      cipher = ours.split();
    }
  }
  const flipped = cipher.seal(Buffer.from('flip me'));
  flipped[0] ^= 1;
  same(await go.ask(`r ${hex(flipped)}`), 'error');
  checks++;
  await go.end();
}

async function reproduce(program, vector) {
  const pattern = vector.protocol_name.slice(6, 8);
  const both = [
    start(program, [
      pattern,
      true,
      vector.init_prologue,
      vector.init_static ?? '-',
      vector.init_remote_static,
      vector.init_ephemeral,
    ]),
    start(program, [pattern, false, vector.resp_prologue, vector.resp_static, '-', vector.resp_ephemeral]),
  ];
  for (const [index, { payload, ciphertext }] of vector.messages.entries()) {
    same(await both[index % 2].ask(`w ${payload || '-'}`), ciphertext);
    same(await both[1 - (index % 2)].ask(`r ${ciphertext}`), payload);
    checks += 2;
  }
  for (const side of both) {
    same(await side.ask('h'), vector.handshake_hash);
    await side.end();
  }
}

function start(program, words) {
  const child = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  child.stdin.write(`${words.join(' ')}\n`);
  return {
    async ask(line) {
      child.stdin.write(`${line}\n`);
      return (await lines.next()).value;
    },
    async end() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.stdin.end();
      same(await ended, 0);
    },
  };
}

function hex(bytes) {
  return Buffer.from(bytes).toString('hex');
}
