/** Two tenants that try each other: what each has, what its honest calls say, and values that name nothing anywhere. */
import { createHash, randomBytes } from 'node:crypto';
import { signEntry } from '@kuvert/crypto/groups';
import {
  ATTACHMENT_PATH,
  decodeToken,
  type EnrolmentToken,
  type Id,
  METHODS,
  type MethodName,
  makeId,
  UPLOAD_TYPE,
} from '@kuvert/protocol';
import {
  DeviceChannel,
  finishParams,
  HandMadeDevice,
  makeByHand,
  type RawAnswer,
  type TestInstallation,
  type TestPerson,
} from '@kuvert/testkit';
import { expect } from 'vitest';
import type { Reference } from './references.ts';

/** A tenant of an installation, as the isolation tests need it. */
export interface Side {
  readonly url: string;
  readonly tenantId: Id<'tenant'>;
  /** The device that calls. */
  readonly device: HandMadeDevice;
  readonly channel: DeviceChannel;
  /** Somebody else of the tenant, with a device. */
  readonly colleague: TestPerson;
  /** Values that name something of this tenant, by kind. */
  readonly names: Readonly<Record<string, readonly unknown[]>>;
  /** An unused token. */
  readonly token: EnrolmentToken;
  /** Whom the token is for. */
  readonly newcomer: TestPerson;
  /** Whose device calls, and a group of theirs with the colleague. */
  readonly caller: Id<'person'>;
  readonly group: Id<'group'>;
}

/** A tenant with two enrolled people, mail in a mailbox, a page marker, and a token for a third. */
export async function settle(installation: TestInstallation, name: string): Promise<Side> {
  const { url, clock } = installation;
  const nowMs = clock.nowMs();
  const tenant = await installation.tenant(name);
  const caller = await tenant.personWithoutDevice('Caller');
  const personId = caller.personId;
  const device = await HandMadeDevice.enrol({ url, token: await caller.token(), personId, nowMs });
  expect(device.answer.error).toBeUndefined();
  const colleague = await tenant.person('Colleague');
  const newcomer = await tenant.personWithoutDevice('Newcomer');
  const token = decodeToken(await newcomer.token());
  await colleague.with(async (profile) => {
    await profile.send({ to: caller.mail, text: 'waiting' });
    expect(await profile.flush({ timeoutMs: 60_000 })).toEqual({ waiting: 0 });
  });
  const channel = await device.connect();
  const page = await channel.request('people.list', { limit: 1 });
  const requestId = makeId('request', randomBytes(16));
  const taken = await channel.request('prekeys.take', { personId: colleague.personId, requestId });
  expect(taken.error).toBeUndefined();
  const [attachment, finished] = [
    makeId('attachment', randomBytes(16)),
    makeId('attachment', randomBytes(16)),
  ];
  const begun = await channel.request('attachments.create', { attachment, sizeBytes: 4_096 });
  expect(begun.error).toBeUndefined();
  await upload(channel, url, finished);
  const group = makeId('group', randomBytes(16));
  const made = await channel.request(
    'groups.change',
    newGroup({ device, colleague, caller: personId, tenantId: tenant.tenantId }, group, nowMs),
  );
  expect(made.error).toBeUndefined();
  const names = {
    tenant: [tenant.tenantId],
    person: [personId, colleague.personId, newcomer.personId],
    device: [device.deviceId, colleague.deviceId],
    enrolmentToken: [token.tokenId, device.token.tokenId],
    group: [group],
    request: [requestId],
    attachment: [attachment, finished],
    cursor: [(page.result as { next: string }).next],
    mail: [caller.mail, colleague.mail, newcomer.mail],
  };
  return {
    url,
    tenantId: tenant.tenantId,
    device,
    channel,
    colleague,
    names,
    token,
    newcomer,
    caller: personId,
    group,
  };
}

/** The first entry of a group of the caller and the colleague, with a copy of its key. */
function newGroup(
  { device, colleague, caller, tenantId }: Pick<Side, 'device' | 'colleague' | 'caller' | 'tenantId'>,
  group: Id<'group'>,
  nowMs: number,
) {
  const entry = signEntry(device.made.receiptKey.privateKey, {
    v: 1,
    tenant: tenantId,
    group,
    seq: 1,
    prevHash: new Uint8Array(32),
    at: nowMs,
    person: caller,
    device: device.deviceId,
    action: 'create',
    people: [colleague.personId],
    key: { number: 1, hash: Uint8Array.from(randomBytes(32)) },
  });
  return { entry, keys: [{ device: colleague.deviceId, sealed: Uint8Array.from(randomBytes(80)) }] };
}

/** What honest calls of the own tenant say. @returns undefined for a method that this test has not been told of */
export function honestParams(method: string, own: Side, nowMs: number): unknown {
  const made = makeByHand(own.token, own.newcomer.personId, { nowMs });
  const { tenantId, tokenId, secret } = own.token;
  const { personId, deviceId, mail } = own.colleague;
  const params: Record<MethodName, unknown> = {
    'enrolment.open': { tenantId, tokenId, secret },
    // Signed by another account key than the one it names, so that honest calls are refused and the token stays unused.
    'enrolment.finish': {
      ...finishParams(own.token, made),
      accountKey: own.device.made.accountKey.publicKey,
    },
    'people.list': { limit: 2 },
    'people.find': { mail },
    'people.get': { personId },
    'devices.list': { personId },
    'devices.owner': { deviceId },
    'devices.publish': { deviceList: own.device.made.deviceList },
    'linking.fetch': { linkId: Uint8Array.from(randomBytes(16)) },
    'prekeys.take': { personId, requestId: makeId('request', randomBytes(16)) },
    'prekeys.upload': { oneTime: [] },
    'prekeys.count': {},
    'attachments.create': { attachment: makeId('attachment', randomBytes(16)), sizeBytes: 4_096 },
    'attachments.finish': { attachment: own.names.attachment?.[1], sha256: FILE_HASH },
    'attachments.open': { attachment: own.names.attachment?.[1] },
    'attachments.remove': { attachment: makeId('attachment', randomBytes(16)) },
    'groups.change': newGroup(own, makeId('group', randomBytes(16)), nowMs),
    'groups.log': { group: own.group, after: 0 },
    'groups.list': {},
    'groups.devices': { group: own.group },
  };
  return params[method as MethodName];
}

/** A value of this kind that names nothing anywhere. */
export function nothing(kind: Reference['kind']): unknown {
  if (kind === 'mail') return `nobody-${randomBytes(4).toString('hex')}@nowhere.test`;
  if (kind === 'cursor') return randomBytes(40).toString('base64url');
  return makeId(kind, randomBytes(16));
}

/** Calls a method of the table over the channel that it is for. */
export async function call(own: Side, method: MethodName, params: unknown): Promise<RawAnswer> {
  if (METHODS[method].access === 'device') return own.channel.request(method, params);
  const { url } = own;
  using channel = await DeviceChannel.open({ url, serverStatic: own.token.serverStatic });
  // Awaited here, because the channel is closed when this function is left.
  return await channel.request(method, params);
}

/** An answer without the value that was asked for, so that two answers can be compared. Capabilities are made of it. */
export function comparable(answer: unknown, asked: unknown): unknown {
  const text = JSON.stringify(answer).replaceAll(String(asked), 'what was asked for');
  return JSON.parse(text.replaceAll(/"(capability|next)":"[^"]{100,}"/g, '"$1":"some"'));
}

const FILE = Uint8Array.from(randomBytes(32));
const FILE_HASH = Uint8Array.from(createHash('sha256').update(FILE).digest());

/** Brings a file to the server, as a client does. */
async function upload(channel: DeviceChannel, url: string, attachment: Id<'attachment'>): Promise<void> {
  const begun = await channel.request('attachments.create', { attachment, sizeBytes: FILE.length });
  const { capability } = begun.result as { capability: string };
  const sent = await fetch(new URL(ATTACHMENT_PATH, url), {
    method: 'PATCH',
    headers: { authorization: `Kuvert ${capability}`, 'upload-offset': '0', 'content-type': UPLOAD_TYPE },
    body: FILE,
  });
  expect([sent.status, sent.headers.get('upload-offset')]).toEqual([204, '32']);
  const finished = await channel.request('attachments.finish', { attachment, sha256: FILE_HASH });
  expect(finished.error).toBeUndefined();
}
