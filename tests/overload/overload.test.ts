/** Overload (P7): far more is offered than the server can take; what it accepts arrives, the rest is told to come again, and does. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ClientHandshake, decodeServerFrame } from '@kuvert/crypto/channel';
import { CHANNEL_PATH, LIFETIME_MS, PROTOCOL_VERSIONS } from '@kuvert/protocol';
import { Ledger, Site } from '@kuvert/testkit';
import { expect, test } from 'vitest';
import { FrameConnection } from '../../bench/load/frame-connection.ts';
import { type Account, writeAccounts } from '../../bench/seed/accounts.ts';
import { enrolDevices } from '../../bench/seed/enrol-devices.ts';
import type { Happening, Job } from './load-client.ts';

const LOAD_CLIENT = fileURLToPath(new URL('./load-client.ts', import.meta.url));
const DEVICES = 60;
const MESSAGES_EACH = 100;
/** The largest leg: 6,000 of them are three times the bytes that may be under way, whatever the machine can do. */
const LEG_BYTES = 8_000;

test('P7 of far too much at once the server refuses before accepting, serves what it accepted in bounded time, and in the end everything has arrived once and in order', async () => {
  await using site = new Site();
  const server = await site.startServer();
  const { accounts, serverStatic } = await enrolDevices(server, [{ devices: DEVICES, stocked: 0 }]);
  const job: Job = {
    port: Number(new URL(server.url).port),
    serverStatic,
    accountsFile: site.at('accounts.json'),
    outputFile: site.at('happenings.json'),
    messagesEach: MESSAGES_EACH,
    legBytes: LEG_BYTES,
  };
  writeAccounts(job.accountsFile, accounts);
  writeFileSync(site.at('job.json'), JSON.stringify(job));

  const client = site.children.start(process.execPath, [LOAD_CLIENT, site.at('job.json')], {
    env: site.environment(),
    ipc: true,
  });
  await client.until('it sends', () => client.messages.length > 0);
  const newcomers = await knockUntil(client.ended, job);
  expect(await client.ended, client.stderr).toMatchObject({ code: 0 });

  const happenings = JSON.parse(readFileSync(job.outputFile, 'utf8')) as Happening[];
  const ledger = ledgerOf(accounts, happenings);
  expect(ledger.findings()).toEqual([]);

  const figures = figuresOf(happenings);
  console.info(JSON.stringify({ ...figures, newcomers }));
  // It refused, said so with the code for it, and went on delivering all the while.
  expect(figures.refused).toBeGreaterThan(0);
  expect(figures.codes).toEqual(['overloaded']);
  expect(figures.shownWhileRefusing).toBeGreaterThan(0);
  // Accepted is answered soon after it was sent, though so much more was waiting.
  expect(figures.acceptedP99Ms).toBeLessThan(Math.max(ACCEPTED_P99_MS, figures.tookMs / 2));
  // Newcomers were refused before those who were there, and let in afterwards.
  expect(newcomers.busy).toBeGreaterThan(0);
  expect(await knock(job)).toBe('let in');

  const metrics = await (await fetch(`${server.opsUrl}/metrics`)).text();
  expect(metrics).toContain(`kuvert_submits_accepted_total ${DEVICES * MESSAGES_EACH}\n`);
  expect(metrics).toContain(`kuvert_submits_refused_total{code="overloaded"} ${figures.refused}\n`);
  expect(metrics).toContain('kuvert_submits_open 0\n');
  expect(await server.stop()).toMatchObject({ code: 0 });
});

/** Where all of it takes longer than twice this, because the machine is busy with other things: half of what all of it takes. One after the other it would be nearly all. */
const ACCEPTED_P99_MS = 10_000;

/** Tries to connect again and again until `end`. */
async function knockUntil(end: Promise<unknown>, job: Job): Promise<{ busy: number; letIn: number }> {
  const counts = { busy: 0, letIn: 0 };
  let isOver = false;
  void end.then(() => {
    isOver = true;
  });
  while (!isOver) {
    if ((await knock(job)) === 'busy') counts.busy++;
    else counts.letIn++;
  }
  return counts;
}

/** Begins one connection and gives it up. */
async function knock({ port, serverStatic }: Job): Promise<'busy' | 'let in'> {
  const connection = await FrameConnection.open({ port, path: CHANNEL_PATH });
  const handshake = new ClientHandshake({
    mode: 'enrolment',
    offered: PROTOCOL_VERSIONS,
    serverStatic: Buffer.from(serverStatic, 'base64'),
  });
  const answer = connection.nextFrame();
  connection.send([handshake.begin()]);
  const frame = decodeServerFrame(await answer);
  await connection.close();
  if (frame.type === 'noise') return 'let in';
  expect(frame.rejection.reason).toBe('busy');
  return 'busy';
}

/** What happened, as the checker reads it. Every device writes down all its messages before it sends the first. */
function ledgerOf(accounts: readonly Account[], happenings: readonly Happening[]): Ledger {
  const ledger = new Ledger();
  const ids = accounts.map(({ tenantId, personId, deviceId }) => ({
    tenant: tenantId,
    person: personId,
    device: deviceId,
  }));
  for (const enrolled of ids) ledger.record({ kind: 'enrolled', ...enrolled });
  const senderOf = (message: number) => Math.floor(message / MESSAGES_EACH);
  const idOf = (number: number) => ids[number % ids.length] as (typeof ids)[number];
  for (let message = 0; message < ids.length * MESSAGES_EACH; message++) {
    const [from, to] = [idOf(senderOf(message)).device, idOf(senderOf(message) + 1).person];
    const [intent, text, messageId] = [`intent ${message}`, `text ${message}`, `message ${message}`];
    ledger.record({ kind: 'intended', intent, from, to, text });
    ledger.record({ kind: 'queued', intent, from, messageId });
  }
  for (const happening of happenings) {
    const { message } = happening;
    const ref = { from: idOf(senderOf(message)).device, messageId: `message ${message}` };
    if (happening.what === 'accepted') {
      const { acceptedAtMs } = happening;
      ledger.record({ kind: 'accepted', ...ref, acceptedAtMs, expiresAtMs: acceptedAtMs + LIFETIME_MS[1] });
    } else if (happening.what === 'shown') {
      const { device } = idOf(happening.device);
      ledger.record({ kind: 'displayed', ...ref, device, text: `text ${message}` });
    }
  }
  const all = ids.map(({ device }) => device);
  ledger.record({ kind: 'settled', drained: all, flushed: all });
  return ledger;
}

function figuresOf(happenings: readonly Happening[]) {
  const sentMs = new Map<number, number>();
  const tookMs: number[] = [];
  const refusals = happenings.filter(({ what }) => what === 'refused');
  const [firstMs, lastMs] = [refusals[0]?.atMs ?? 0, refusals.at(-1)?.atMs ?? 0];
  let shownWhileRefusing = 0;
  for (const { what, message, atMs } of happenings) {
    if (what === 'sent') sentMs.set(message, atMs);
    if (what === 'accepted') tookMs.push(atMs - (sentMs.get(message) ?? 0));
    if (what === 'shown' && atMs > firstMs && atMs < lastMs) shownWhileRefusing++;
  }
  tookMs.sort((a, b) => a - b);
  const at = (share: number) => Math.round(tookMs[Math.floor((tookMs.length - 1) * share)] ?? 0);
  return {
    accepted: tookMs.length,
    acceptedP50Ms: at(0.5),
    acceptedP99Ms: at(0.99),
    refused: refusals.length,
    codes: [...new Set(refusals.map((refusal) => ('code' in refusal ? refusal.code : undefined)))],
    refusingMs: Math.round(lastMs - firstMs),
    shownWhileRefusing,
    tookMs: Math.round(happenings.at(-1)?.atMs ?? 0),
  };
}
