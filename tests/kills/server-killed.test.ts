/**
 * P1 and P2 under kill -9: three people talk with each other while their server is killed again and again in the middle of it.
 * Afterwards the ledger of what they were told and shown is checked: nothing lost, nothing twice, nothing crossed, order kept.
 */
import { Ledger, Site, Talker, takeChances } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const KILLS = 20;
/** Enough to be in the middle of something at each kill; a slow machine must not talk the more for it. */
const MESSAGES_A_KILL = 80;

let site: Site;
beforeAll(() => {
  site = new Site();
});
afterAll(() => site[Symbol.asyncDispose]());

test('P1 P2 a server killed with -9 twenty times loses nothing it had accepted and shows nothing twice', {
  // Twenty starts of a server, each of which may take half a minute on a machine that is busy with other things.
  timeout: 1_200_000,
}, async () => {
  const chance = takeChances();
  let server = await site.startServer();
  const acme = await server.tenant('Acme');
  const other = await server.tenant('Other');
  const ledger = new Ledger(site.at('ledger.jsonl'));
  const people = [
    await acme.person('Anna'),
    await acme.person('Ben'),
    await acme.person('Cem'),
    await other.person('Anna'),
    await other.person('Ben'),
  ];
  const profiles = await Promise.all(people.map((person) => person.open()));
  const talkers = people.map((person, index) => {
    const profile = profiles[index];
    if (profile === undefined) throw new Error('a profile that did not open');
    return new Talker(person, profile, ledger);
  });
  for (const talker of talkers) talker.listen();

  let said = 0;
  let saidUpTo = MESSAGES_A_KILL;
  let talking = true;
  const talk = async (talker: Talker): Promise<void> => {
    const colleagues = people.filter(
      (person) => person.tenantId === talker.person.tenantId && person !== talker.person,
    );
    while (talking) {
      const to = colleagues[chance.choose(colleagues.length)];
      if (to !== undefined && said < saidUpTo) {
        const texts = Array.from({ length: 1 + chance.choose(4) }, () => {
          said += 1;
          return `${said} ${'x'.repeat(chance.choose(20) === 0 ? 4_000 : chance.choose(200))}`;
        });
        await talker.say(to, texts);
      }
      talker.noteStates();
      await chance.moment(120);
    }
  };
  const conversation = Promise.all(talkers.map(talk));

  for (let kill = 0; kill < KILLS; kill += 1) {
    await chance.moment(kill % 4 === 0 ? 60 : 1_200);
    await server.stop('SIGKILL');
    server = await site.startServer(server.again);
    saidUpTo = said + MESSAGES_A_KILL;
  }
  talking = false;
  await conversation;
  // Twice: what the last of them still had to send is for those who were asked first.
  for (const talker of [...talkers, ...talkers]) await talker.settle();
  const devices = people.map(({ deviceId }) => deviceId);
  ledger.record({ kind: 'settled', drained: devices, flushed: devices });
  await Promise.all(profiles.map((profile) => profile.close()));

  const shown = ledger.events.filter(({ kind }) => kind === 'displayed').length;
  expect(ledger.verdict(), `KUVERT_SEED=${chance.seed}`).toEqual({});
  expect(said).toBeGreaterThan(200);
  expect(shown).toBe(said);
  expect(server.log).not.toContain('"level":"error"');
});
