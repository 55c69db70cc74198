/**
 * P1 and P2 under kill -9 of the sender: what it had said to be written down arrives, what it had not may or may not, and nothing
 * arrives twice, although each next process begins by sending again what the one before it left.
 */
import { Ledger, Site, takeChances } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const KILLS = 5;
/** Lines that were told of before each kill, however slow the machine is; more are under way. */
const TOLD_MIN = 12;

let site: Site;
beforeAll(() => {
  site = new Site();
});
afterAll(() => site[Symbol.asyncDispose]());

test('P1 P2 A8 a client killed with -9 in the middle of sending loses nothing that it had written down', async () => {
  const chance = takeChances();
  const server = await site.startServer();
  const acme = await server.tenant('Acme');
  const [anna, ben] = [await acme.person('Anna'), await acme.person('Ben')];
  const ledger = new Ledger();
  for (const { tenantId: tenant, personId: person, deviceId: device } of [anna, ben]) {
    ledger.record({ kind: 'enrolled', tenant, person, device });
  }
  const from = anna.deviceId;
  let count = 0;

  /** Sends lines until the process ends; the ledger gets each line's intention and, where it was told, its outcome. */
  const sendLines = async (lines: number, killed: boolean): Promise<void> => {
    const send = site.startKuvert(['send', ...anna.asPerson, '--to', ben.mail, '--jsonl', '-'], {
      keepsInputOpen: true,
    });
    const intents: string[] = [];
    let told = 0;
    const noteTold = (): void => {
      const results = send.stdout.toString().split('\n').slice(0, -1);
      for (; told < results.length; told += 1) {
        const { messageId, state } = JSON.parse(results[told] ?? '') as { messageId: string; state: string };
        ledger.record({ kind: 'queued', intent: intents[told] ?? '', from, messageId });
        if (state === 'accepted') ledger.record({ kind: 'accepted', from, messageId });
      }
    };
    for (let line = 0; line < lines; line += 1) {
      count += 1;
      const text = `${count} ${'y'.repeat(chance.choose(300))}`;
      intents.push(`i${count}`);
      ledger.record({ kind: 'intended', intent: `i${count}`, from, to: ben.personId, text });
      send.write(`${JSON.stringify({ text })}\n`);
      if (line === 0) await send.nextLine();
      noteTold();
      if (chance.choose(3) === 0) await chance.moment(30);
    }
    if (killed) {
      await send.until('some lines were told', () => {
        noteTold();
        return told >= TOLD_MIN ? told : undefined;
      });
      await chance.moment(200);
      send.kill('SIGKILL');
    } else send.process.stdin?.end();
    expect((await send.ended).code).toBe(killed ? null : 0);
    noteTold();
  };

  for (let kill = 0; kill < KILLS; kill += 1) await sendLines(20 + chance.choose(60), true);
  await sendLines(3, false);

  const { code, json, stderr } = await site.kuvert(['inbox', ...ben.asPerson]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const { messageId, text } of json) {
    ledger.record({
      kind: 'displayed',
      device: ben.deviceId,
      from,
      messageId: String(messageId),
      text: String(text),
    });
  }
  ledger.record({ kind: 'settled', drained: [ben.deviceId], flushed: [from] });
  expect(ledger.verdict(), `KUVERT_SEED=${chance.seed}`).toEqual({});
  expect(json.length).toBeGreaterThan(50);
});
