/**
 * How every field that a person or administrator can fill is filled, through the real client and the real operator calls. An entry names the
 * fields that it fills (as docs/fields.md does) and acts as that person would. What is end-to-end is said twice: once so that the other has
 * fetched it, once so that it waits in the mailbox. Entries run in order, in one server process.
 */

import { randomBytes } from 'node:crypto';
import { type KuvertError, makeId } from '@kuvert/protocol';
import {
  type AdminPlace,
  becomeAdministrator,
  type ServerProcess,
  type TestPerson,
  type TestTenant,
} from '@kuvert/testkit';
import { generateSync } from 'otplib';
import { expect } from 'vitest';

/** Where it happens. */
export interface Stage {
  readonly server: ServerProcess;
  /** The canary of a field. */
  readonly canary: (field: string) => string;
  tenant: TestTenant;
  /** Her name and address are canaries. */
  anna: TestPerson;
  ben: TestPerson;
}

/** One thing that somebody does. */
interface Planting {
  readonly fields: readonly string[];
  readonly plant: (stage: Stage) => Promise<void>;
}

/** What is filled through the administration API once there are administrators. */
const ADMINISTERED = [
  'operator administratorInvite: mail',
  'admin tenants.create: name',
  'admin tenants.appoint: mail',
  'admin operators.invite: mail',
  'admin tenants.change: name',
  'admin people.create: name',
  'admin people.create: mail',
  'admin people.change: name',
  'admin people.change: mail',
  'admin people.list: q',
  'admin people.list: mail',
  'admin pools.create: name',
  'admin pools.change: name',
  'admin administrators.invite: mail',
  'admin integrations.create: name',
];

export const PLANTINGS: readonly Planting[] = [
  {
    fields: ['operator tenantCreate: name'],
    async plant(stage) {
      stage.tenant = await stage.server.tenant(stage.canary('operator tenantCreate: name'));
      stage.ben = await stage.tenant.person('Ben');
    },
  },
  {
    fields: ['operator personAdd: name', 'operator personAdd: mail'],
    async plant(stage) {
      const name = stage.canary('operator personAdd: name');
      const mail = `${stage.canary('operator personAdd: mail')}@acme.test`;
      stage.anna = await (await stage.tenant.personWithoutDevice(name, mail)).enrol();
    },
  },
  {
    fields: ['call people.find: mail'],
    async plant({ anna, canary }) {
      const to = `${canary('call people.find: mail')}@nowhere.test`;
      const refusal = await anna.with(async (profile) => {
        await profile.connect();
        return profile.send({ to, text: 'nobody' }).catch((error: unknown) => error);
      });
      expect((refusal as KuvertError).code).toBe('recipient_unknown');
    },
  },
  {
    fields: [
      'admin invitations.open: name',
      'admin invitations.open: mail',
      'admin invitations.open: password',
      'admin invitations.check-password: password',
      'admin invitations.check-password: name',
      'admin invitations.check-password: mail',
      'admin password.check: newPassword',
      'admin password.change: password',
      'admin password.change: newPassword',
      'admin sessions.create: mail',
      'admin sessions.create: password',
    ],
    async plant({ server, canary }) {
      const post = async (path: string, body: object, { token = '', method = 'POST' } = {}) => {
        const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
        const response = await fetch(new URL(`/api/v1${path}`, server.url), {
          method,
          body: JSON.stringify(body),
          headers,
        });
        return (await response.json().catch(() => ({}))) as {
          code?: string;
          totpSecret: string;
          recoveryCodes: string[];
          token: string;
        };
      };
      const name = canary('admin invitations.open: name');
      const mail = `${canary('admin invitations.open: mail')}@acme.test`;
      const password = canary('admin invitations.open: password');
      const code = server.setUpCode;
      const checked = await post('/invitations/check-password', {
        code,
        password: canary('admin invitations.check-password: password'),
        name: canary('admin invitations.check-password: name'),
        mail: `${canary('admin invitations.check-password: mail')}@acme.test`,
      });
      expect(checked).toMatchObject({ isGoodEnough: true });
      const { totpSecret } = await post('/invitations/open', { code, name, mail, password });
      const totp = generateSync({ secret: totpSecret });
      const { recoveryCodes } = await post('/invitations/accept', { code, totp });
      const secondFactor = { kind: 'recovery', code: recoveryCodes[0] };
      const { token } = await post('/sessions', { mail, password, secondFactor });
      const tried = canary('admin password.check: newPassword');
      expect(await post('/me/password/check', { newPassword: tried }, { token })).toMatchObject({
        isGoodEnough: true,
      });
      const wrong = { password: canary('admin password.change: password'), newPassword: tried };
      const put = { token, method: 'PUT' };
      expect((await post('/me/password', wrong, put)).code).toBe('sign_in_failed');
      const newPassword = canary('admin password.change: newPassword');
      expect(await post('/me/password', { password, newPassword }, put)).toEqual({});
      const refused = await post('/sessions', {
        mail: `${canary('admin sessions.create: mail')}@acme.test`,
        password: canary('admin sessions.create: password'),
        secondFactor,
      });
      expect(refused.code).toBe('sign_in_failed');
    },
  },
  {
    fields: ADMINISTERED,
    async plant({ server, canary }) {
      const place: AdminPlace = { url: server.url, now: () => Date.now(), nextStep: () => undefined };
      const mailOf = (field: string) => `${canary(field)}@acme.test`;
      const broken = await server.operator.call('administratorInvite', {
        role: 'operator',
        mail: mailOf('operator administratorInvite: mail'),
      });
      const operator = await becomeAdministrator(place, broken.code, {
        name: 'Otto',
        mail: mailOf('operator administratorInvite: mail'),
      });
      const { result: tenant } = await operator.call('tenants.create', {
        body: { name: canary('admin tenants.create: name') },
      });
      const { tenantId } = tenant;
      const first = await operator.call('tenants.appoint', {
        params: { tenantId },
        body: { mail: mailOf('admin tenants.appoint: mail') },
      });
      await operator.call('operators.invite', { body: { mail: mailOf('admin operators.invite: mail') } });
      const boss = await becomeAdministrator(place, first.result.code, {
        name: 'Berta',
        mail: mailOf('admin tenants.appoint: mail'),
      });
      const params = { tenantId };
      const { etag: tenantTag } = await boss.call('tenants.get', { params });
      const renamed = { params, ifMatch: tenantTag, body: { name: canary('admin tenants.change: name') } };
      await boss.call('tenants.change', renamed);
      const created = await boss.call('people.create', {
        params,
        body: { name: canary('admin people.create: name'), mail: mailOf('admin people.create: mail') },
      });
      const personParams = { tenantId, personId: created.result.personId };
      const { etag } = await boss.call('people.get', { params: personParams });
      await boss.call('people.change', {
        params: personParams,
        ifMatch: etag,
        body: { name: canary('admin people.change: name'), mail: mailOf('admin people.change: mail') },
      });
      await boss.call('people.list', { params, query: { q: canary('admin people.list: q') } });
      await boss.call('people.list', { params, query: { mail: mailOf('admin people.list: mail') } });
      const pool = await boss.call('pools.create', {
        params,
        body: { name: canary('admin pools.create: name') },
      });
      const poolParams = { tenantId, poolId: pool.result.poolId };
      const { etag: poolTag } = await boss.call('pools.get', { params: poolParams });
      const poolChange = {
        params: poolParams,
        ifMatch: poolTag,
        body: { name: canary('admin pools.change: name') },
      };
      await boss.call('pools.change', poolChange);
      const invited = { role: 'help-desk' as const, mail: mailOf('admin administrators.invite: mail') };
      await boss.call('administrators.invite', { params, body: invited });
      await boss.call('integrations.create', {
        params,
        body: { name: canary('admin integrations.create: name'), permissions: ['people.read'], validDays: 1 },
      });
    },
  },
  {
    fields: [
      'shape AttachmentPointer: name',
      'content text: links[].url',
      'content text: links[].title',
      'content text: links[].description',
      'content file: text',
      'content picture: text',
      'content video: text',
      'content location: label',
      'content contact: name',
      'content contact: mails[]',
      'content contact: phones[]',
      'content contact: organisation',
      'content poll: options[]',
      'content poll: question',
      'content edit: text',
      'content reaction: emoji',
    ],
    async plant({ anna, ben, canary }) {
      const file = {
        attachment: makeId('attachment', randomBytes(16)),
        key: Uint8Array.from(randomBytes(32)),
        sizeBytes: 1,
        sha256: new Uint8Array(32),
        sealedBytes: 4_152,
        sealedSha256: new Uint8Array(32),
        name: canary('shape AttachmentPointer: name'),
        mediaType: 'text/plain',
      };
      await anna.with(async (profile) => {
        const { conversations } = profile;
        const to = conversations.withMail(ben.mail);
        const link = {
          url: `https://${canary('content text: links[].url')}.test`,
          title: canary('content text: links[].title'),
          description: canary('content text: links[].description'),
        };
        const messageId = conversations.write(to, { kind: 'text', text: 'x', links: [link] });
        for (const kind of ['file', 'picture', 'video'] as const) {
          conversations.write(to, { kind, file, text: canary(`content ${kind}: text`) });
        }
        conversations.write(to, {
          kind: 'location',
          latitudeE7: 1,
          longitudeE7: 1,
          label: canary('content location: label'),
        });
        conversations.write(to, {
          kind: 'contact',
          name: canary('content contact: name'),
          mails: [canary('content contact: mails[]')],
          phones: [canary('content contact: phones[]')],
          organisation: canary('content contact: organisation'),
        });
        const option = canary('content poll: options[]');
        const question = canary('content poll: question');
        conversations.write(to, { kind: 'poll', question, options: [option, 'x'], isMultiple: false });
        for (const { entryId } of conversations.find(messageId)) {
          conversations.edit(entryId, canary('content edit: text'));
          conversations.react(entryId, canary('content reaction: emoji'));
        }
        expect(await profile.flush({ timeoutMs: 60_000 })).toEqual({ waiting: 0 });
      });
      await ben.with(async (profile) => {
        await profile.flush({ timeoutMs: 60_000 });
        const kinds = profile.inbox().map(({ kind }) => kind);
        const shown = ['text', 'file', 'picture', 'video', 'location', 'contact', 'poll', 'edit', 'reaction'];
        expect(kinds).toEqual(expect.arrayContaining(shown));
        profile.markPrinted(profile.inbox());
      });
    },
  },
  {
    fields: ['content text: text'],
    async plant({ anna, ben, canary }) {
      const text = canary('content text: text');
      // Short, and long enough for a shared body; both ways.
      const texts = [text, `${'x'.repeat(5_000)} ${text}`];
      await say(
        anna,
        texts.map((one) => ({ to: ben.mail, text: one })),
      );
      await ben.with(async (profile) => {
        await profile.flush({ timeoutMs: 60_000 });
        expect(profile.inbox().map((message) => message.text)).toEqual(texts);
        expect((await profile.people()).map((person) => person.name)).toContain(anna.name);
      });
      await say(
        ben,
        texts.map((one) => ({ to: anna.mail, text: one })),
      );
    },
  },
  {
    // A sealed title and sealed bytes are no text fields: they hold canaries of texts that are looked for anyway.
    fields: [],
    async plant({ anna, ben, canary }) {
      const title = canary('content text: links[].title');
      const inFile = `${canary('content text: text')} `.repeat(3_000);
      const text = canary('content text: text');
      const fileName = `${canary('shape AttachmentPointer: name')}.txt`;
      await anna.with(async (profile) => {
        await profile.flush({ timeoutMs: 60_000 });
        const { groupId, conversationId } = await profile.groups.create(title, [ben.mail]);
        profile.groups.send(groupId, `${text} in a group`);
        const source = {
          name: fileName,
          sizeBytes: inFile.length,
          async *read() {
            yield Buffer.from(inFile);
          },
        };
        const about = { kind: 'file', mediaType: 'text/plain' } as const;
        await profile.attachments.send(conversationId, source, about);
        expect(await profile.flush({ timeoutMs: 60_000 })).toEqual({ waiting: 0 });
      });
      await ben.with(async (profile) => {
        await profile.flush({ timeoutMs: 60_000 });
        expect(profile.groups.list().map((group) => group.title)).toContain(title);
        expect(profile.inbox().map((message) => message.details?.file?.name)).toContain(fileName);
        profile.markPrinted(profile.inbox());
      });
      // And once so that it waits in the mailbox.
      await anna.with(async (profile) => {
        const { groupId } = profile.groups.find(title);
        await profile.flush({ timeoutMs: 60_000 });
        await profile.groups.setTitle(groupId, `${title} again`);
        profile.groups.send(groupId, `${text} waits in a group`);
        expect(await profile.flush({ timeoutMs: 60_000 })).toEqual({ waiting: 0 });
      });
    },
  },
  {
    fields: ['content device-name: name', 'shape SettingState: value'],
    async plant({ anna, ben, canary }) {
      const name = canary('content device-name: name');
      const draft = canary('shape SettingState: value');
      const laptop = await ben.addDevice();
      /** Names a device and begins a message; one's other devices are told of both. */
      const tell = (end: string) =>
        ben.with(async (profile) => {
          await profile.flush({ timeoutMs: 60_000 });
          profile.devices.name(ben.deviceId, name + end);
          profile.conversations.setDraft(profile.conversations.withMail(anna.mail), draft + end);
          expect(await profile.flush({ timeoutMs: 60_000 })).toEqual({ waiting: 0 });
        });
      await tell('');
      await laptop.with(async (profile) => {
        await profile.flush({ timeoutMs: 60_000 });
        expect(profile.devices.list().map((device) => device.name)).toContain(name);
        expect(profile.conversations.list().map((conversation) => conversation.draft)).toContain(draft);
      });
      await tell(' again');
    },
  },
];

/** Settings that hold a text of their own. The server is started once with these. */
export function settingsWith(canary: (field: string) => string): Record<string, string> {
  return { KUVERT_PUBLIC_URL: `https://${canary('setting: KUVERT_PUBLIC_URL')}.example` };
}

/** Fields that somebody fills and that can hold no text that exists nowhere else, with the reason. */
const NO_ROOM: Readonly<Record<string, string>> = {
  'setting: KUVERT_DATA': 'names the folder that is searched',
  'setting: KUVERT_KEYS': 'names a folder that is searched',
  'setting: KUVERT_TLS_CERT': 'a path; only its file is read',
  'setting: KUVERT_TLS_KEY': 'a path; only its file is read',
  'setting: KUVERT_HOST': 'must be an address of this machine',
  'setting: KUVERT_PORT': 'a number',
  'setting: KUVERT_OPS_PORT': 'a number',
  'setting: KUVERT_TRAFFIC_FACTOR': 'a number',
  'setting: KUVERT_STORE_THREADS': 'a number',
  'setting: KUVERT_BLOBS': 'names a folder that is searched',
  'setting: KUVERT_ATTACHMENT_GB': 'a number',
  'setting: KUVERT_AUDIT_ADDRESS_DAYS': 'a number',
  'setting: KUVERT_AUDIT_YEARS': 'a number',
  'setting: KUVERT_LEDGER': 'names a folder that is searched',
  'setting: KUVERT_STORE': 'must be the address of a database',
  'setting: KUVERT_STORE_PASSWORD_FILE': 'a path; only its file is read',
  'setting: KUVERT_STORE_CA': 'a path; only its file is read',
  'setting: KUVERT_STORE_CERT': 'a path; only its file is read',
  'setting: KUVERT_STORE_KEY': 'a path; only its file is read',
  'setting: KUVERT_LOG_LEVEL': 'one of four words',
};

/** Every field that is filled or cannot be. */
export function plantedFields(): string[] {
  const settings: string[] = [];
  settingsWith((field) => {
    settings.push(field);
    return 'x';
  });
  return [...PLANTINGS.flatMap(({ fields }) => fields), ...settings, ...Object.keys(NO_ROOM)];
}

/** Says something and waits until the server has it. */
async function say(person: TestPerson, messages: readonly { to: string; text: string }[]): Promise<void> {
  await person.with(async (profile) => {
    await profile.sendAll([...messages]);
    expect(await profile.flush({ timeoutMs: 60_000 })).toEqual({ waiting: 0 });
  });
}
