/** Tenants and people of a server under test, each person with a profile folder and a secret of their own. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beginLink, enrol, openProfile, type Profile } from '@kuvert/client-core/node';
import type { DeviceId, PersonId, TenantId } from '@kuvert/protocol';
import { makeCheapContainer } from './cheap-container.ts';
import type { Operator } from './operator.ts';

/** What people need of the place where they live. */
export interface Home {
  readonly url: string;
  readonly operator: Operator;
  /** Folder for profiles. */
  readonly folder: string;
  readonly now?: () => number;
}

interface PersonFacts {
  readonly tenantId: TenantId;
  readonly personId: PersonId;
  readonly name: string;
  readonly mail: string;
  readonly folder: string;
}

/** A person of a tenant, at one device. */
export class TestPerson {
  readonly tenantId: TenantId;
  readonly personId: PersonId;
  readonly name: string;
  readonly mail: string;
  readonly profileDir: string;
  readonly secretFile: string;
  readonly secret: Uint8Array;
  readonly #home: Home;
  readonly #facts: PersonFacts;
  #furtherDevices = 0;
  #deviceId: DeviceId | undefined;

  constructor(home: Home, facts: PersonFacts) {
    this.#home = home;
    this.#facts = facts;
    this.tenantId = facts.tenantId;
    this.personId = facts.personId;
    this.name = facts.name;
    this.mail = facts.mail;
    this.profileDir = join(facts.folder, 'profile');
    this.secretFile = join(facts.folder, 'secret');
    mkdirSync(facts.folder, { recursive: true, mode: 0o700 });
    const secret = randomBytes(18).toString('base64url');
    this.secret = Buffer.from(secret);
    writeFileSync(this.secretFile, `${secret}\n`, { mode: 0o600 });
  }

  /** Options of `kuvert` that name this person's device. */
  get asPerson(): string[] {
    return ['--profile', this.profileDir, '--secret-file', this.secretFile];
  }

  /** The device, once it is enrolled. */
  get deviceId(): DeviceId {
    if (this.#deviceId === undefined) throw new Error(`${this.name} has no device`);
    return this.#deviceId;
  }

  /** A fresh enrolment token. */
  async token(): Promise<string> {
    return (await this.#home.operator.call('tokenCreate', { personId: this.personId })).token;
  }

  /** Enrols the device, in the profile that is there or in a new one, made as people make theirs. */
  async enrol(token?: string): Promise<this> {
    const { deviceId } = await enrol({
      serverUrl: this.#home.url,
      token: token ?? (await this.token()),
      profileDir: this.profileDir,
      secret: this.secret,
      ...(this.#home.now ? { now: this.#home.now } : {}),
    });
    this.#deviceId = deviceId;
    return this;
  }

  /**
   * Links a further device to this one, which must not be open, by the real protocol. Its passphrase costs little.
   * @param options.isSigner it may link and revoke devices itself; not so unless given
   * @returns the same person at the new device, with a folder and a secret of its own
   */
  async addDevice(options: { isSigner?: boolean } = {}): Promise<TestPerson> {
    const further = await this.linkDevice(options);
    // The first connection brings its prekeys; from then on others write to it.
    await further.with((profile) => profile.flush({ timeoutMs: 60_000 }));
    return further;
  }

  /** As {@link TestPerson.addDevice}, but the new device has not been connected since it was approved. */
  async linkDevice(options: { isSigner?: boolean } = {}): Promise<TestPerson> {
    const further = this.anotherProfile();
    const { profileDir, secret } = further;
    await makeCheapContainer(profileDir, secret);
    const { url: serverUrl, now } = this.#home;
    const linking = await beginLink({ serverUrl, profileDir, secret, ...(now ? { now } : {}) });
    try {
      await this.with(async (profile) => {
        await profile.connect();
        const request = profile.devices.readCode(linking.code);
        if (request.numbers !== linking.numbers) throw new Error('the two devices show different numbers');
        await profile.devices.approve(request, { isSigner: options.isSigner ?? false });
        further.#deviceId = (await linking.wait())?.deviceId;
      });
    } finally {
      linking.close();
    }
    return further;
  }

  /** The same person with a profile of its own that has no device yet. */
  anotherProfile(): TestPerson {
    this.#furtherDevices += 1;
    const folder = `${this.#facts.folder}-${this.#furtherDevices + 1}`;
    return new TestPerson(this.#home, { ...this.#facts, folder });
  }

  /** Opens the profile in this process. The caller closes it. */
  open(): Promise<Profile> {
    return openProfile({
      profileDir: this.profileDir,
      secret: this.secret,
      ...(this.#home.now ? { now: this.#home.now } : {}),
    });
  }

  /** Runs `work` on the open profile and closes it. */
  async with<T>(work: (profile: Profile) => Promise<T> | T): Promise<T> {
    const profile = await this.open();
    try {
      return await work(profile);
    } finally {
      await profile.close();
    }
  }
}

/** A tenant. */
export class TestTenant {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly #home: Home;

  constructor(home: Home, facts: { tenantId: TenantId; name: string }) {
    this.#home = home;
    this.tenantId = facts.tenantId;
    this.name = facts.name;
  }

  /** Adds a person and enrols their device, whose passphrase costs little: each command that opens the profile pays for it again. */
  async person(name: string): Promise<TestPerson> {
    const person = await this.personWithoutDevice(name);
    await makeCheapContainer(person.profileDir, person.secret);
    return person.enrol();
  }

  /** Adds a person. The mail address is made of the names of person and tenant. */
  async personWithoutDevice(
    name: string,
    mail = `${word(name)}@${word(this.name)}.test`,
  ): Promise<TestPerson> {
    const { tenantId } = this;
    const { personId } = await this.#home.operator.call('personAdd', { tenantId, name, mail });
    const folder = join(this.#home.folder, word(this.name), word(mail));
    return new TestPerson(this.#home, { tenantId, personId, name, mail, folder });
  }
}

/** Makes a tenant. */
export async function makeTenant(home: Home, name: string): Promise<TestTenant> {
  const { tenantId } = await home.operator.call('tenantCreate', { name });
  return new TestTenant(home, { tenantId, name });
}

function word(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9.-]+/g, '-');
}
