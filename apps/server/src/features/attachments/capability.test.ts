/** Capabilities end, and are of one device. */
import { makeId } from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestInstallation, type TestInstallation } from '../test-installation.ts';
import { createCapabilities } from './capability.ts';
import { CAPABILITY_MS } from './limits.ts';

let installation: TestInstallation;
beforeEach(async () => {
  installation = await openTestInstallation();
});
afterEach(() => installation.close());

test('A9 P4 a capability is good until its time and not a moment longer, and one that says a later time is none', async () => {
  const { anna } = await installation.populate('anna');
  const { store, clock, random } = installation;
  const capabilities = createCapabilities({ store, clock, random, isTenant: async () => true });
  const { tenantId, deviceId } = anna;
  const what = {
    direction: 'down',
    tenantId,
    deviceId,
    attachment: makeId('attachment', random(16)),
  } as const;
  const text = await capabilities.make(what);
  clock.advance(CAPABILITY_MS - 1);
  expect(await capabilities.read(text)).toEqual(what);
  clock.advance(1);
  await expect(capabilities.read(text)).rejects.toMatchObject({ code: 'capability_invalid' });
  const later = Buffer.from(text, 'base64url');
  later.writeUIntBE(later.readUIntBE(2, 6) + 1_000, 2, 6);
  await expect(capabilities.read(later.toString('base64url'))).rejects.toMatchObject({
    code: 'capability_invalid',
  });
});

test('A9 P4 an upload is finished by the device that has begun it, and by no other one of its tenant', async () => {
  const { anna, ben } = await installation.populate('anna', 'ben');
  const { service } = installation.attachments;
  const attachment = makeId('attachment', installation.random(16));
  await service.create(installation.caller(anna), { attachment, sizeBytes: 4 });
  const sha256 = new Uint8Array(32);
  const finish = (who: typeof anna) => service.finish(installation.caller(who), { attachment, sha256 });
  await expect(finish(ben)).rejects.toMatchObject({ code: 'not_found' });
  await expect(finish(anna)).rejects.toMatchObject({ code: 'attachment_offset' });
});
