/** What there has to be so that the documented example of an operation works: who calls, what its ids stand for, and what stands in the place of what is cut short in it. */
import { randomUUID } from 'node:crypto';
import { AdminClient, type AdminOperation, type AdminOperationId } from '@kuvert/protocol/admin';
import { ADMIN_PASSWORD, type TestAdministrator } from '@kuvert/testkit';
import { generateSync } from 'otplib';
import { type AdminWorld, type Ids, operationOf } from './admin-world.ts';
import { SoftwarePasskey } from './software-passkey.ts';

/** What an example cannot know by itself. */
interface Arranged {
  readonly by?: TestAdministrator;
  readonly ids?: Ids;
  /** Fields of the body: codes, hashes, what an authenticator makes. */
  readonly body?: Readonly<Record<string, unknown>>;
}

/** An example that can be sent. */
export interface Staged {
  /** Undefined for whoever has not signed in. */
  readonly by: TestAdministrator | undefined;
  readonly ids: Ids;
  readonly body: Readonly<Record<string, unknown>>;
}

type Arrange = (world: AdminWorld, one: AdminOperation) => Promise<Arranged>;

/** Makes what an example needs. */
export async function stage(world: AdminWorld, id: AdminOperationId): Promise<Staged> {
  const one = operationOf(id);
  const { own, operator, chiefs } = world;
  const [chief, second] = chiefs;
  // Nobody is signed out for being idle while the others have their turn.
  for (const somebody of [operator, chief, second]) await somebody.call('me');
  const ofInstallation = one.at === 'installation' || !one.path.includes('{tenantId}');
  const usual = one.access !== 'signed-in' && ofInstallation ? operator : chief;
  if (one.path.includes('{poolId}')) {
    const { tenant: tenantId, pool: poolId, person: personId } = own;
    await chief.call('pools.join', { params: { tenantId, poolId, personId } as never });
  }
  const arranged: Arranged = (await ARRANGE[id]?.(world, one)) ?? {};
  const by = one.access === 'public' ? undefined : (arranged.by ?? usual);
  if (one.stepUp) await by?.stepUp();
  return { by, ids: { ...own, ...arranged.ids }, body: arranged.body ?? {} };
}

const PASSWORD = 'a long sentence that only I know';

async function invited({ installation, own }: AdminWorld, mail: string): Promise<string> {
  const tenantId = own.tenant as never;
  return (await installation.operator.call('administratorInvite', { role: 'auditor', mail, tenantId })).code;
}

/** Somebody who has chosen a password and has an app. */
async function opened(world: AdminWorld, mail: string) {
  const { url, clock } = world.installation;
  const client = new AdminClient({ url, fetch });
  const code = await invited(world, mail);
  const { result } = await client.call('invitations.open', {
    body: { code, name: 'Anna', mail, password: PASSWORD },
  });
  const totp = () => generateSync({ secret: result.totpSecret, epoch: Math.floor(clock.nowMs() / 1_000) });
  return { client, code, totp };
}

const somebodyNew =
  (role: 'operator' | 'help-desk' | 'auditor'): Arrange =>
  async ({ installation, own }) => {
    const name = `Somebody-${randomUUID()}`;
    const somebody = await installation.administrator(
      role,
      name,
      role === 'operator' ? undefined : (own.tenant as never),
    );
    return { ids: { administrator: (await somebody.call('me')).result.administratorId } };
  };

/** Somebody whose factors nobody else of the world needs. */
const somebodyOfTheirOwn = async ({ installation, own }: AdminWorld, _one: AdminOperation) => ({
  by: await installation.administrator('auditor', `Somebody-${randomUUID()}`, own.tenant as never),
});

const anotherTenant: Arrange = async ({ installation }) => ({
  ids: { tenant: (await installation.tenant('Another')).tenantId },
});

const asked: Arrange = async ({ own, chiefs: [, second] }) => {
  await second.stepUp();
  const { waiting } = await second.call('administrators.invite', {
    params: { tenantId: own.tenant as never },
    body: { role: 'auditor', mail: `${randomUUID()}@acme.test` },
  });
  return approvalOf(waiting);
};

const askedOfOperators: Arrange = async ({ installation }) => {
  const other = await installation.administrator('operator', `Other-${randomUUID()}`);
  const body = { mail: `${randomUUID()}@acme.test` };
  return approvalOf((await other.call('operators.invite', { body })).waiting);
};

function approvalOf(waiting: { approvalId: string; payloadHash: string } | undefined): Arranged {
  if (waiting === undefined) throw new Error('nobody has to approve this');
  return { ids: { approval: waiting.approvalId }, body: { payloadHash: waiting.payloadHash } };
}

async function madePasskey(chief: TestAdministrator) {
  await chief.stepUp();
  const { options } = (await chief.call('passkeys.begin')).result;
  const key = new SoftwarePasskey();
  return { key, userId: (options as { user: { id: string } }).user.id, credential: key.made(options) };
}

async function addedPasskey(chief: TestAdministrator) {
  const { key, userId, credential } = await madePasskey(chief);
  const body = { name: 'Laptop', credential: credential as never };
  const { passkeyId } = (await chief.call('passkeys.create', { body })).result;
  return { key, userId, passkeyId };
}

/** What the page does. @returns the answer that it shows */
async function onPage(url: string, code: string, { key, userId }: { key: SoftwarePasskey; userId: string }) {
  const page = new AdminClient({ url, fetch });
  const { options } = (await page.call('browser-page.open', { body: { code } })).result;
  const body = { code, credential: key.shown(options, userId) as never };
  return { answer: (await page.call('browser-page.answer', { body })).result.answer };
}

const ARRANGE: { readonly [Id in AdminOperationId]?: Arrange } = {
  'invitations.open': async (world, { example }) => ({
    body: { code: await invited(world, String(example.body?.mail)) },
  }),
  'invitations.check-password': async (world) => ({
    body: { code: await invited(world, `${randomUUID()}@acme.test`) },
  }),
  'password.change': async ({ installation, own }) => {
    const by = await installation.administrator('auditor', `Somebody-${randomUUID()}`, own.tenant as never);
    return { by, body: { password: ADMIN_PASSWORD } };
  },
  'authenticator.begin': somebodyOfTheirOwn,
  'authenticator.change': async (world, one) => {
    const { by } = await somebodyOfTheirOwn(world, one);
    const { totpSecret: secret } = (await by.call('authenticator.begin')).result;
    return {
      by,
      body: { totp: generateSync({ secret, epoch: Math.floor(world.installation.clock.nowMs() / 1_000) }) },
    };
  },
  'recovery-codes.renew': somebodyOfTheirOwn,
  'invitations.accept': async (world) => {
    const { code, totp } = await opened(world, `${randomUUID()}@acme.test`);
    return { body: { code, totp: totp() } };
  },
  'invitations.join': async ({ own, chiefs: [chief, second] }) => {
    await chief.stepUp();
    const params = { tenantId: own.tenant } as never;
    const body = { role: 'help-desk', mail: second.mail } as const;
    const { result } = await chief.call('administrators.invite', { params, body });
    return { by: second, body: { code: result.code } };
  },
  'sessions.create': async (world, { example }) => {
    const { client, code, totp } = await opened(world, String(example.body?.mail));
    await client.call('invitations.accept', { body: { code, totp: totp() } });
    // Each code of an app is good once.
    world.installation.clock.advance(30_000);
    return { body: { secondFactor: { kind: 'totp', code: totp() } } };
  },
  'sessions.step-up': async ({ chiefs: [chief] }) => ({ body: { totp: chief.totp() } }),
  'sessions.end': async ({ chiefs: [, second] }) => {
    const sessionId = (await second.call('me')).result.sessionId;
    await second.signIn();
    return { by: second, ids: { session: sessionId } };
  },
  'passkeys.create': async ({ chiefs: [chief] }) => ({
    body: { credential: (await madePasskey(chief)).credential },
  }),
  'passkeys.delete': async ({ chiefs: [chief] }) => ({
    ids: { passkey: (await addedPasskey(chief)).passkeyId },
  }),
  'passkey-sign-in.finish': async ({ installation: { url }, chiefs: [chief] }) => {
    const { key, userId } = await addedPasskey(chief);
    const { options } = (await new AdminClient({ url, fetch }).call('passkey-sign-in.begin')).result;
    return { body: { credential: key.shown(options, userId) } };
  },
  'passkey-step-up.finish': async ({ chiefs: [chief] }) => {
    const { key, userId } = await addedPasskey(chief);
    const { options } = (await chief.call('passkey-step-up.begin')).result;
    return { body: { credential: key.shown(options, userId) } };
  },
  'browser-step-up.finish': async ({ installation: { url }, chiefs: [chief] }) => {
    const { key, userId } = await addedPasskey(chief);
    const { code } = (await chief.call('browser-step-up.begin')).result;
    return { body: { code, ...(await onPage(url, code, { key, userId })) } };
  },
  'browser-sign-in.finish': async ({ installation: { url }, chiefs: [chief] }) => {
    const { key, userId } = await addedPasskey(chief);
    const { code } = (await new AdminClient({ url, fetch }).call('browser-sign-in.begin')).result;
    return { body: { code, ...(await onPage(url, code, { key, userId })) } };
  },
  'browser-page.open': async ({ chiefs: [chief] }) => ({
    body: { code: (await chief.call('browser-step-up.begin')).result.code },
  }),
  'browser-page.answer': async ({ installation: { url }, chiefs: [chief] }) => {
    const { key, userId } = await addedPasskey(chief);
    const { code } = (await chief.call('browser-step-up.begin')).result;
    const { options } = (await new AdminClient({ url, fetch }).call('browser-page.open', { body: { code } }))
      .result;
    return { body: { code, credential: key.shown(options, userId) } };
  },
  'operators.take': somebodyNew('operator'),
  'operators.reset': somebodyNew('operator'),
  'administrators.grant': somebodyNew('auditor'),
  'administrators.take': somebodyNew('help-desk'),
  'administrators.reset': somebodyNew('help-desk'),
  'administrators.sign-out': somebodyNew('help-desk'),
  'approvals.approve': asked,
  'approvals.refuse': asked,
  'operator-approvals.approve': askedOfOperators,
  'operator-approvals.refuse': askedOfOperators,
  'tenants.appoint': async ({ installation }) => ({
    ids: { tenant: (await installation.tenant('Empty')).tenantId },
  }),
  // In a tenant of their own, because nothing can be changed in one that is suspended.
  'tenants.suspend': anotherTenant,
  'tenants.resume': anotherTenant,
  'operator-audit.get': async ({ operator }) => ({
    ids: { auditEntry: (await operator.call('operator-audit.search')).result.entries[0]?.entryId ?? '' },
  }),
};
