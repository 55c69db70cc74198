/**
 * P4 from the table of methods: whatever of another tenant an enrolled device names, in whichever field of whichever method, it is answered
 * exactly as for something that does not exist, and nothing of the other tenant changes, not one byte of its file. The cases are
 * generated from `METHODS`; a method that is new or has a new field has to be tried here, or the test fails.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  bytesSchema,
  CLASSES,
  type DeviceId,
  type EnrolmentToken,
  encodeCbor,
  type Id,
  type IdType,
  idFromBytes,
  idToBytes,
  METHODS,
  type MethodName,
  makeId,
  makeSubmitId,
  type PersonId,
  SUITES,
} from '@kuvert/protocol';
import { HandMadeDevice, startInstallation, type TestInstallation } from '@kuvert/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { referencesIn, withValue } from './references.ts';
import { call, comparable, honestParams, nothing, type Side, settle } from './sides.ts';

let installation: TestInstallation;
let own: Side;
let foreign: Side;
let foreignFileBefore: string;

beforeAll(async () => {
  installation = await startInstallation();
  own = await settle(installation, 'Acme');
  foreign = await settle(installation, 'Zenith');
  // A server that stops has first numbered what waited in the audit logs, so that nothing of the settling is still under way.
  await installation.restart();
  [own, foreign] = [await reconnected(own), await reconnected(foreign)];
  foreignFileBefore = await hashAtRest(foreign);
});
const reconnected = async (side: Side): Promise<Side> => ({ ...side, channel: await side.device.connect() });
afterAll(async () => {
  own?.channel[Symbol.dispose]();
  foreign?.channel[Symbol.dispose]();
  await installation[Symbol.asyncDispose]();
});

/** All ids and addresses of the other tenant, as they could stand in an answer. */
function expectNothingForeign(answer: unknown, asked: unknown): void {
  const bytes = Buffer.from(encodeCbor(answer as never));
  for (const name of Object.values(foreign.names).flat()) {
    if (name === asked) continue;
    expect(bytes.includes(String(name)), `${name} in an answer`).toBe(false);
    if (/^(tn|pe|de|et)_/.test(String(name))) {
      expect(bytes.includes(Buffer.from(idToBytes(name as Id<IdType>))), `${name} in an answer`).toBe(false);
    }
  }
}

/**
 * The hash once nothing is being written any more. Some counters are stored without anybody waiting for them; a read may overtake a
 * write of its own batch, but not one of the batch before.
 */
async function hashAtRest(side: Side): Promise<string> {
  for (let reads = 0; reads < 2; reads++) await side.channel.request('prekeys.count', {});
  const bytes = await installation.bytesAtRest(side.tenantId);
  expect(bytes.length).toBeGreaterThan(1_000);
  return createHash('sha256').update(bytes).digest('hex');
}

const methods = Object.keys(METHODS) as MethodName[];
/** Methods that anything may be named to. */
const FREE: readonly MethodName[] = ['attachments.create', 'attachments.remove'];

describe('P4 C1 every method of the table is tried', () => {
  test.each(methods)('%s', async (method) => {
    const params = honestParams(method, own, installation.clock.nowMs());
    expect(params, 'honest params of this method, in this test').toBeDefined();
    expect(METHODS[method].params.safeParse(params).success).toBe(true);
    const honest = await call(own, method, params);
    if (method === 'enrolment.finish') expect(honest.error?.code).toBe('device_list_invalid');
    else expect(honest.error).toBeUndefined();
    expectNothingForeign(honest, undefined);

    for (const { path, kind } of referencesIn(METHODS[method].params)) {
      const names = foreign.names[kind];
      expect(names, `something of another tenant for ${method} ${path.join('.')}`).toBeDefined();
      for (const name of names ?? []) {
        const where = `${method} ${path.join('.')} = a foreign ${kind}`;
        const answer = await call(
          own,
          method,
          withValue(honestParams(method, own, installation.clock.nowMs()), path, name),
        );
        const absent = nothing(kind);
        const answerForNothing = await call(
          own,
          method,
          withValue(honestParams(method, own, installation.clock.nowMs()), path, absent),
        );
        expectNothingForeign(answer, name);
        if (method === 'attachments.create') await call(own, 'attachments.remove', { attachment: name });
        // A request id names a repetition of the caller's own; one of others is one that was never used.
        // So does the id of an attachment that is begun; and one that is taken back may be gone already.
        const isFree = kind === 'request' || FREE.includes(method);
        if (isFree) {
          if (kind !== 'request')
            expect(comparable(answer, name), where).toEqual(comparable(answerForNothing, absent));
          expect([answer.error, answerForNothing.error], where).toEqual([undefined, undefined]);
        } else {
          expect(answerForNothing.error, where).toBeDefined();
          expect(comparable(answer, name), where).toEqual(comparable(answerForNothing, absent));
        }
      }
    }
  });

  test('and each of its fields is known', () => {
    expect(() =>
      referencesIn(METHODS['people.get'].params.extend({ attachment: METHODS['people.find'].params })),
    ).not.toThrow();
    for (const unknown of [z.string(), z.array(z.object({ link: bytesSchema(16) }))]) {
      expect(() => referencesIn(METHODS['people.get'].params.extend({ unknown }))).toThrow(/unknown/);
    }
  });
});

describe('P4 C1 a submit to another tenant', () => {
  interface Aim {
    readonly to: PersonId;
    readonly devices: readonly DeviceId[];
    readonly listHash: Uint8Array;
  }

  async function submit({ to, devices, listHash }: Aim, asked: string): Promise<unknown> {
    const answer = await own.channel.submit({
      submitId: makeSubmitId(installation.clock.nowMs(), randomBytes(10)),
      to,
      listHash,
      suite: SUITES.signalPairwise,
      class: CLASSES.message,
      urgency: 1,
      lifetime: 1,
      legs: devices.map((device) => ({ device, bytes: randomBytes(600) })),
    });
    const { requestNo: _, ...rest } = answer;
    return comparable(rest, asked);
  }

  test('to a person is one to nobody', async () => {
    const { device } = foreign;
    for (const to of foreign.names.person as PersonId[]) {
      for (const devices of [[], [device.deviceId], [foreign.colleague.deviceId]]) {
        const nobody = makeId('person', randomBytes(16));
        const aim = { devices, listHash: device.listHash };
        const answer = await submit({ ...aim, to }, to);
        expect(answer).toEqual(await submit({ ...aim, to: nobody }, nobody));
        expect(answer).toMatchObject({ error: { code: 'not_found' } });
      }
    }
  });

  test('with a leg for one of its devices is one with a leg for no device', async () => {
    const to = own.colleague.personId;
    for (const device of foreign.names.device as DeviceId[]) {
      const none = makeId('device', randomBytes(16));
      for (const listHash of [own.device.listHash, foreign.device.listHash]) {
        const answer = await submit({ to, devices: [device], listHash }, device);
        expect(answer).toEqual(await submit({ to, devices: [none], listHash }, none));
        expect(answer).toMatchObject({ error: { code: 'devices_changed' } });
      }
    }
  });
});

describe('P4 C1 E1 enrolment', () => {
  test('with the token of one tenant for another is one with a token that does not exist', async () => {
    const open = ({ tenantId, tokenId, secret }: Pick<EnrolmentToken, 'tenantId' | 'tokenId' | 'secret'>) =>
      call(own, 'enrolment.open', { tenantId, tokenId, secret });
    const none = makeId('enrolmentToken', randomBytes(16));
    const expected = await open({ ...own.token, tokenId: none });
    expect(expected.error?.code).toBe('token_not_valid');
    const { tenantId, tokenId, secret } = foreign.token;
    for (const mixed of [
      { ...own.token, tenantId },
      { ...own.token, tokenId },
      { ...foreign.token, tenantId: own.token.tenantId },
      { ...own.token, tokenId, secret },
    ]) {
      expect(await open(mixed)).toEqual(expected);
    }
    expect(await hashAtRest(foreign)).toBe(foreignFileBefore);
    // A wrong secret for a token that is there is counted with that token, so that nobody can go on guessing.
    expect(await open({ ...own.token, tenantId, tokenId })).toEqual(expected);
    foreignFileBefore = await hashAtRest(foreign);
    expect((await open(own.token)).error).toBeUndefined();
  });

  test('under the device id of another tenant is one under an id that is free, and the two stay apart', async () => {
    const { url, clock } = installation;
    const { personId } = own.newcomer;
    const deviceId = foreign.device.deviceId;
    const token = await own.newcomer.token();
    const twin = await HandMadeDevice.enrol({ url, token, personId, deviceId, nowMs: clock.nowMs() });
    expect(twin.answer.error).toBeUndefined();
    using channel = await twin.connect();
    const owner = await channel.request('devices.owner', { deviceId });
    const record = owner.result as { account: { person: string } };
    expect(record.account.person).toBe(personId);
    const theirs = await foreign.channel.request('devices.owner', { deviceId });
    expect((theirs.result as { account: { person: string } }).account.person).toBe(foreign.names.person?.[0]);
    expect(idFromBytes('device', idToBytes(deviceId))).toBe(deviceId);
  });
});

test('P4 none of this changed one byte of the other tenant', async () => {
  expect(await hashAtRest(foreign)).toBe(foreignFileBefore);
});
