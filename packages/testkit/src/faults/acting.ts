/** How each kind of fault is acted out. */
import { writeFileSync } from 'node:fs';
import type { Machines } from './machines.ts';
import { pause } from './partition.ts';
import type { TalkingPerson } from './person.ts';
import type { Dice, Fault } from './plan.ts';
import { Injection } from './system-calls.ts';
import type { Tally } from './tally.ts';

/** What has to wait for somebody on a disk that lies before its power is cut, so that there is something to lose, and how long senders have to hear of it. */
const TO_LOSE = 5;
const HEARD_WITHIN_MS = 1_000;

/** Whom and what faults happen to. */
export interface Scene {
  readonly machines: Machines;
  readonly cast: readonly TalkingPerson[];
  readonly dice: Dice;
  readonly tally: Tally;
  /** Faults that go on after {@link act} has returned. */
  readonly underWay: Promise<void>[];
  /** An fsync of the server does nothing. */
  readonly isDiskLying: boolean;
}

/** Acts a fault out, from its beginning until what it has broken stands again. */
export async function act(fault: Fault, scene: Scene): Promise<void> {
  const { machines, dice, tally, cast } = scene;
  const { server, database, serverDisk, network } = machines;
  switch (fault.kind) {
    case 'kill-server': {
      const server = machines.anyServer(dice);
      await server.kill();
      if (fault.startingForMs !== undefined) {
        server.launch();
        await pause(fault.startingForMs);
        await server.kill();
      }
      await server.start();
      break;
    }
    case 'kill-client': {
      const person = personOf(cast, fault.person);
      await person.kill();
      await pause(fault.restMs);
      person.start();
      break;
    }
    case 'power-cut':
      if (scene.isDiskLying) await untilMuchCanBeLost(scene);
      if (database?.isReal === false && fault.of !== 'clients') return tally.skipped('power-cut');
      if (!(await machines.cutPower(scene.isDiskLying ? 'server' : fault.of, cast))) {
        return tally.skipped('power-cut');
      }
      break;
    case 'partition':
      scene.underWay.push(network.part(fault, dice));
      tally.done(`partition ${fault.how}`);
      break;
    case 'failing-fsync': {
      if (database !== undefined) return tally.skipped('failing-fsync');
      const came = await machines.failFsync(fault.nth);
      if (came === 'impossible') return tally.skipped('failing-fsync');
      if (came === 'went on') tally.wrong('the server went on after a failed fsync');
      break;
    }
    case 'slow-fsync': {
      if (database !== undefined) return tally.skipped('slow-fsync');
      const injection = await Injection.begin(server.pid, `delay_enter=${fault.delayMs * 1_000}`);
      if (injection === undefined) return tally.skipped('slow-fsync');
      await pause(fault.forMs);
      await injection[Symbol.asyncDispose]();
      break;
    }
    case 'full-disk': {
      if (serverDisk === undefined) return tally.skipped('full-disk');
      await serverDisk.fill(dice.below(3) * 32_768);
      await pause(fault.forMs);
      serverDisk.clear();
      break;
    }
    case 'kill-database': {
      if (database === undefined) return tally.skipped('kill-database');
      await database.kill();
      await pause(fault.restMs);
      await database.start();
      break;
    }
    case 'database-command': {
      const { how, command, skip } = fault;
      if (database?.isReal !== false) return tally.skipped(how);
      const met = await database.meet({ kind: how, commands: [command], skip, ms: 100 });
      tally[met ? 'done' : 'skipped'](`${how} ${command}`);
      if (!met) return;
      return tally.done(how);
    }
    case 'slow-majority':
      if (database?.isReal !== false) return tally.skipped('slow-majority');
      await database.set({ majorityDelayMs: fault.delayMs });
      await pause(fault.forMs);
      await database.set({ majorityDelayMs: 0 });
      break;
    case 'full-database':
      if (database?.isReal !== false) return tally.skipped('full-database');
      await database.set({ diskFull: true });
      await pause(fault.forMs);
      await database.set({ diskFull: false });
      break;
    case 'clock-jump': {
      const server = machines.anyServer(dice);
      const file =
        fault.of === 'server' ? server.clockFile : personOf(cast, dice.below(cast.length)).clockFile;
      writeFileSync(file, String(fault.byMs));
      await pause(fault.forMs);
      if (fault.of === 'server' && dice.below(2) === 0) {
        await server.kill();
        await server.start();
        await pause(fault.forMs);
      }
      writeFileSync(file, '0');
      break;
    }
  }
  tally.done(fault.kind);
}

/** Somebody stays away until messages lie there that exist nowhere else any more. */
async function untilMuchCanBeLost({ machines, cast }: Scene): Promise<void> {
  machines.network.keepAway(0);
  const { deviceId } = personOf(cast, 0).person;
  const { operator } = machines.server;
  while ((await operator.call('mailboxPeek', { deviceId, limit: TO_LOSE })).envelopes.length < TO_LOSE)
    await pause(100);
  await pause(HEARD_WITHIN_MS);
}

/** @throws Error when there are not so many */
export function personOf(cast: readonly TalkingPerson[], index: number): TalkingPerson {
  const person = cast[index];
  if (person === undefined) throw new Error('nobody is there');
  return person;
}
