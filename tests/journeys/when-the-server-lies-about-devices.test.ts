/** Linking with a server, or anybody else, in the middle: nobody becomes a device, and nobody is made a device of somebody else (A4 B6). */
import { randomBytes } from 'node:crypto';
import { beginLink, type Linking, type Profile } from '@kuvert/client-core/node';
import { decodeLinkCode, encodeLinkCode, type LinkOffer } from '@kuvert/protocol';
import {
  lieAbout,
  startInstallation,
  type TestInstallation,
  type TestPerson,
  type TestTenant,
} from '@kuvert/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

let installation: TestInstallation;
let acme: TestTenant;
let anna: TestPerson;
let signer: Profile;
beforeAll(async () => {
  installation = await startInstallation();
  acme = await installation.tenant('Acme');
  anna = await acme.person('Anna');
  signer = await anna.open();
  await signer.connect();
});
afterAll(async () => {
  await signer?.close();
  await installation[Symbol.asyncDispose]();
});

/** A new device that shows its code. */
function begin(): Promise<Linking> {
  const { profileDir, secret } = anna.anotherProfile();
  const { url: serverUrl, clock } = installation;
  return beginLink({ serverUrl, profileDir, secret, now: () => clock.nowMs() });
}

/** What is thrown by a call that refuses. */
async function refusal(attempt: () => unknown): Promise<unknown> {
  try {
    await attempt();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return undefined;
}

/** Approves a code as its person would who has compared the numbers. */
const approve = (code: string) => signer.devices.approve(signer.devices.readCode(code), { isSigner: false });
const count = () => signer.devices.list().length;

describe('A4 B6 a server in the middle', () => {
  test('that hands out the answer to another device, or one that it has changed, links nobody', async () => {
    const others = await begin();
    await approve(others.code);
    let stolen: Uint8Array<ArrayBuffer> | undefined;
    const stop = lieAbout(installation, 'linking.fetch', (honest) => {
      stolen = honest.answer;
      return honest;
    });
    expect(await others.wait()).toMatchObject({ personId: anna.personId });
    others.close();
    stop();
    const answer = stolen ?? new Uint8Array(0);
    expect(answer.length).toBeGreaterThan(500);
    const changed = Uint8Array.from(answer);
    changed[changed.length - 1] = (changed[changed.length - 1] ?? 0) ^ 1;
    for (const lie of [answer, changed, Uint8Array.from(randomBytes(answer.length))]) {
      const device = await begin();
      const honest = lieAbout(installation, 'linking.fetch', () => ({ answer: lie }));
      expect(await refusal(() => device.wait())).toBe('link_not_trusted');
      honest();
      device.close();
    }
  });

  test('who exchanges keys in the code makes the two devices show different numbers', async () => {
    const device = await begin();
    const offer = decodeLinkCode(device.code);
    expect(signer.devices.readCode(device.code).numbers).toBe(device.numbers);
    const exchanged: LinkOffer[] = [
      { ...offer, noiseStatic: Uint8Array.from(randomBytes(32)) },
      { ...offer, identityKey: decodeLinkCode((await begin()).code).identityKey },
      { ...offer, secret: Uint8Array.from(randomBytes(16)) },
    ];
    for (const other of exchanged) {
      expect(signer.devices.readCode(encodeLinkCode(other)).numbers).not.toBe(device.numbers);
    }
    // Approved nevertheless, it is of no use to the device that shows the honest code.
    await approve(encodeLinkCode(exchanged[0] as LinkOffer));
    expect(await refusal(() => device.wait())).toBe('link_not_trusted');
    device.close();
    await signer.devices.revoke(offer.device);
  });

  test('that keeps the new list to itself is noticed by the signer', async () => {
    const device = await begin();
    const before = count();
    const stop = lieAbout(installation, 'devices.publish', () => ({}));
    const keeping = lieAbout(
      installation,
      'devices.list',
      (() => {
        let first: unknown;
        return (honest: unknown) => {
          first ??= honest;
          return first;
        };
      })() as never,
    );
    expect(await refusal(() => approve(device.code))).toBe('identity_rolled_back');
    stop();
    keeping();
    await signer.devices.refresh();
    expect(count()).toBe(before + 1);
    device.close();
  });
});

test('A4 a code that is too old, of another server or damaged is refused on both sides', async () => {
  const device = await begin();
  const offer = decodeLinkCode(device.code);
  const elsewhere = encodeLinkCode({ ...offer, server: Uint8Array.from(randomBytes(8)) });
  expect(await refusal(() => signer.devices.readCode(elsewhere))).toBe('link_other_server');
  const noKey = encodeLinkCode({ ...offer, identityKey: new Uint8Array(33) });
  expect(await refusal(() => signer.devices.readCode(noKey))).toBe('link_malformed');
  // Broken into lines by a mail program it is still the same code.
  const lines = device.code.replaceAll(/(.{40})/g, '$1\n');
  expect(signer.devices.readCode(lines).numbers).toBe(device.numbers);

  const request = signer.devices.readCode(device.code);
  installation.clock.advance(11 * 60_000);
  expect(await refusal(() => signer.devices.readCode(device.code))).toBe('link_expired');
  expect(await refusal(() => signer.devices.approve(request, { isSigner: false }))).toBe('link_expired');
  expect(await refusal(() => device.wait())).toBe('link_expired');
  device.close();
});

test('A4 of two signers who change the list at once both succeed, one after the other', async () => {
  const ben = await acme.person('Ben');
  const tablet = await ben.addDevice({ isSigner: true });
  const [one, two] = await Promise.all([ben.open(), tablet.open()]);
  await Promise.all([one.connect(), two.connect()]);
  const devices = await Promise.all([begin(), begin()]);
  const [first, second] = devices as [Linking, Linking];
  await Promise.all([
    one.devices.approve(one.devices.readCode(first.code), { isSigner: false }),
    two.devices.approve(two.devices.readCode(second.code), { isSigner: false }),
  ]);
  const list = await one.devices.refresh();
  expect(list.list.devices).toHaveLength(4);
  await Promise.all([one.close(), two.close()]);
  for (const device of devices) {
    expect(await device.wait()).toMatchObject({ personId: ben.personId });
    device.close();
  }
});
