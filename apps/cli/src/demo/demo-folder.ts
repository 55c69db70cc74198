/**
 * The demo's folder beside the data folder, `<data>-demo`: a profile folder and a secret file per person, and
 * `demo.json`, which says how far the demo has come, so that a start that was interrupted goes on where it stopped.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeviceId, PersonId, TenantId } from '@kuvert/protocol';

/** One of the demo's people. */
export interface DemoPerson {
  readonly name: string;
  readonly mail: string;
  /** Name of the profile folder; the secret file is beside it, with `.secret` at the end. */
  readonly folder: string;
  personId?: PersonId;
  /** Kept until the device is enrolled, because it is good for one device only. */
  token?: string;
  deviceId?: DeviceId;
}

/** How far the demo has come. */
export interface DemoState {
  readonly version: 1;
  tenantId?: TenantId;
  readonly people: DemoPerson[];
  /** True from when the messages have been exchanged and shown. */
  finished: boolean;
}

/** First names from the alphabet book, as in every example of this project. */
const NAMES = ['Anna', 'Ben', 'Cem'] as const;

/** Where everything of a demo lies. */
export class DemoFolder {
  readonly path: string;

  constructor(dataDir: string) {
    this.path = `${dataDir}-demo`;
  }

  profile(person: DemoPerson): string {
    return join(this.path, person.folder);
  }

  secretFile(person: DemoPerson): string {
    return join(this.path, `${person.folder}.secret`);
  }

  /** What an earlier start left, or undefined. A file that is no state of ours counts as none. */
  async read(): Promise<DemoState | undefined> {
    try {
      const state: DemoState = JSON.parse(await readFile(join(this.path, 'demo.json'), 'utf8'));
      return state?.version === 1 && Array.isArray(state.people) ? state : undefined;
    } catch {
      return undefined;
    }
  }

  /** Makes the folder and a demo that has not begun. */
  async begin(): Promise<DemoState> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    const people = NAMES.map((name) => ({
      name,
      mail: `${name.toLowerCase()}@demo.test`,
      folder: name.toLowerCase(),
    }));
    const state: DemoState = { version: 1, people, finished: false };
    await this.write(state);
    return state;
  }

  /** Replaces `demo.json` whole, so that a crash leaves the state before or after. */
  async write(state: DemoState): Promise<void> {
    const beside = join(this.path, 'demo.json.new');
    const file = await open(beside, 'w', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(state, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, join(this.path, 'demo.json'));
  }

  /** A random secret for a person; one that is there stays, because a profile may already be locked with it. */
  async makeSecret(person: DemoPerson): Promise<void> {
    const secret = `${randomBytes(24).toString('base64url')}\n`;
    await writeFile(this.secretFile(person), secret, { mode: 0o600, flag: 'wx' }).catch((error) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }

  /** Moves what another installation left out of the way; nothing is ever deleted. @returns the new path, if any */
  async setAside(now: Date): Promise<string | undefined> {
    const entries = await readdir(this.path).catch(() => []);
    if (entries.length === 0) return undefined;
    const stamp = now
      .toISOString()
      .replace(/[:-]/g, '')
      .replace(/\.\d+Z$/, '');
    const aside = `${this.path}-${stamp}-${randomBytes(2).toString('hex')}`;
    await rename(this.path, aside);
    return aside;
  }
}
