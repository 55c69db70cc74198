import { randomBytes } from 'node:crypto';
import { KuvertError } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { type EnrolmentConnection, enrolDevice } from './enrolment.ts';
import { ManualClock } from './node/doubles/manual-clock.ts';
import { ServerDouble } from './node/doubles/server-double.ts';
import { openSqlcipherStore } from './node/store-sqlcipher/index.ts';
import { loadOwnDevice } from './own-device.ts';

test('E1 an enrolment whose last answer was lost is finished with the same keys, and uses the token once', async () => {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const { person, token } = server.addPerson('Anna', 'anna@acme.test');
  const store = openSqlcipherStore(':memory:', new Uint8Array(32));
  const honest = server.enrolment(person.personId);
  const asked: { method: string; params: unknown }[] = [];
  let isLost = true;
  const request = async (method: 'enrolment.open' | 'enrolment.finish', params: never) => {
    asked.push({ method, params });
    const answer = await honest.request(method, params);
    if (method === 'enrolment.finish' && isLost) throw new KuvertError('server_unreachable');
    return answer;
  };
  const connection = { request } as EnrolmentConnection;
  const random = (count: number) => Uint8Array.from(randomBytes(count));
  const options = { store, token, serverUrl: 'http://127.0.0.1', clock, random, connection };
  await expect(enrolDevice(options)).rejects.toMatchObject({ code: 'server_unreachable' });
  expect(loadOwnDevice(store.values)).toBeUndefined();
  isLost = false;
  const own = await enrolDevice(options);
  expect(loadOwnDevice(store.values)).toEqual(own);
  expect(asked.map(({ method }) => method)).toEqual([
    'enrolment.open',
    'enrolment.finish',
    'enrolment.finish',
  ]);
  expect(asked[2]?.params).toEqual(asked[1]?.params);
});

test('B6 an account certificate for another key than ours ends the enrolment without a device', async () => {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const { person, token } = server.addPerson('Anna', 'anna@acme.test');
  const honest = server.enrolment(person.personId);
  const store = openSqlcipherStore(':memory:', new Uint8Array(32));
  const request = async (
    method: 'enrolment.open' | 'enrolment.finish',
    params: { accountKey?: Uint8Array },
  ) => {
    const accountKey = Uint8Array.from([1, ...randomBytes(32)]);
    const asked = method === 'enrolment.finish' ? { ...params, accountKey } : params;
    return honest.request(method, asked as never);
  };
  const enrolling = enrolDevice({
    store,
    token,
    serverUrl: 'http://127.0.0.1',
    clock,
    random: (count) => Uint8Array.from(randomBytes(count)),
    connection: { request } as EnrolmentConnection,
  });
  await expect(enrolling).rejects.toMatchObject({ code: 'identity_not_trusted' });
  expect(loadOwnDevice(store.values)).toBeUndefined();
});
