/**
 * People of a fresh tenant with several devices each, on an installation whose clock the test moves: what a schedule acts on. Whatever can be
 * asked of a device is answered by doing it, or by its being impossible for a reason that the client names.
 */
import { randomBytes } from 'node:crypto';
import { beginLink, enrol } from '@kuvert/client-core/node';
import { KuvertError, LIFETIME_MS, type TenantId } from '@kuvert/protocol';
import { dormantDevices } from '@kuvert/server';
import { makeCheapContainer } from '../cheap-container.ts';
import type { TcpProxy } from '../faults/tcp-proxy.ts';
import type { TestInstallation } from '../installation.ts';
import { Ledger } from '../ledger/ledger.ts';
import { HeldDevice, type Owner } from './held-device.ts';
import { RatchetWatch } from './ratchet-watch.ts';

/** Devices of one person at a time. */
const DEVICES_MAX = 4;
const ROUNDS_MAX = 12;
/** A round lasts so long by everybody's clock: what is asked for again is asked for every hour. */
const ROUND_MS = 61 * 60_000;

/** Installations that have served a community, each with the number of those, so that folders do not meet. */
const served = new WeakMap<TestInstallation, number>();

/** @see the top of this file */
export class Community implements AsyncDisposable {
  readonly ledger = new Ledger();
  readonly devices: HeldDevice[] = [];
  readonly #installation: TestInstallation;
  readonly #name: string;
  readonly #watch: RatchetWatch;
  readonly #proxies: TcpProxy[] = [];
  #folders = 0;

  private constructor(installation: TestInstallation, name: string) {
    this.#installation = installation;
    this.#name = name;
    this.#watch = new RatchetWatch(installation, () => this.ledger);
  }

  /** Makes a tenant with people who have one device each and know nothing of each other. */
  static async found(installation: TestInstallation, names: readonly string[]): Promise<Community> {
    const count = (served.get(installation) ?? 0) + 1;
    served.set(installation, count);
    const community = new Community(installation, `community-${count}`);
    try {
      const { operator } = installation;
      const { tenantId } = await operator.call('tenantCreate', { name: community.#name });
      for (const name of names) {
        const mail = `${name.toLowerCase()}@${community.#name}.test`;
        const { personId } = await operator.call('personAdd', { tenantId, name, mail });
        await community.#enrol({ tenantId, personId, mail });
      }
    } catch (error) {
      await community[Symbol.asyncDispose]();
      throw error;
    }
    return community;
  }

  get #now(): () => number {
    return () => this.#installation.clock.nowMs();
  }

  /** Devices of one person that are still theirs. */
  ownOf(owner: Owner): HeldDevice[] {
    return this.devices.filter((device) => device.owner.personId === owner.personId && !device.isGone);
  }

  /** Links a further device by one of the same person; nothing happens where that one may not. */
  async link(by: HeldDevice, isSigner: boolean): Promise<void> {
    if (!by.canAct || this.ownOf(by.owner).length >= DEVICES_MAX) return;
    const further = await this.#prepare(by.owner);
    const linking = await beginLink({ ...further.place, now: this.#now });
    try {
      await by.flush();
      if (!by.profile.devices.isSigner) return;
      const request = by.profile.devices.readCode(linking.code);
      if (request.numbers !== linking.numbers) throw new Error('the two devices show different numbers');
      const { personId: person } = by.owner;
      this.ledger.record({ kind: 'linking', person, device: request.offer.device });
      await by.profile.devices.approve(request, { isSigner });
      const linked = await linking.wait();
      if (linked?.deviceId !== request.offer.device) throw new Error('another device was linked');
    } finally {
      linking.close();
    }
    const device = new HeldDevice(further);
    this.#watch.watch(await device.readOwn());
    await device.open();
    this.devices.push(device);
    // The first connection brings its prekeys; from then on others write to it.
    await device.flush();
    device.enrolled();
    await by.flush();
  }

  /** Takes a device out of its person's list by another one; nothing happens where that one may not, or no signer would be left. */
  async revoke(by: HeldDevice, target: HeldDevice): Promise<void> {
    if (!by.canAct || target.isGone) return;
    await by.flush();
    if (!by.profile.devices.isSigner) return;
    try {
      await by.profile.devices.revoke(target.deviceId);
    } catch (error) {
      if (error instanceof KuvertError && error.code === 'last_signer') return;
      throw error;
    }
    await this.#isOut(target);
    if (by !== target) await by.flush();
  }

  /** The help desk takes a device out: it was lost. */
  async retire(target: HeldDevice): Promise<void> {
    if (target.isGone) return;
    await this.#installation.operator.call('deviceRevoke', { deviceId: target.deviceId });
    await this.#isOut(target);
  }

  async #isOut(target: HeldDevice): Promise<void> {
    await target.untilDisconnected();
    target.isGone = true;
    this.ledger.record({ kind: 'revoked', device: target.deviceId });
    await target.close();
  }

  /**
   * So long that whatever waits in a mailbox is given up. Everybody who is there has fetched what there was before.
   */
  async letExpire(): Promise<void> {
    const { clock, server } = this.#installation;
    for (const device of this.devices) if (device.canAct) await device.flush();
    await this.wait(LIFETIME_MS[1] + 60_000);
    await server.context.sweeper.pass();
    const atMs = clock.nowMs();
    for (const device of this.devices) {
      if (!device.isAway || device.isGone) continue;
      for (const { from, messageId } of this.#waitingFor(device)) {
        const { deviceId } = device;
        this.ledger.record({ kind: 'expired', device: deviceId, from, messageId, atMs, tombstone: true });
      }
    }
  }

  /**
   * The mailbox of a device that is away has become too full: it is dormant until it comes back, and what lies there is given up. Nothing happens
   * to one that is there, or for which nothing lies there.
   */
  async letFallAsleep(device: HeldDevice): Promise<void> {
    if (!device.isAway || device.isGone) return;
    const { server, clock } = this.#installation;
    const { store, sweeper } = server.context;
    const scope = store.tenant(device.owner.tenantId as TenantId);
    await scope.commit([store.ops.put(dormantDevices, [device.deviceId], clock.nowMs())]);
    device.beforeWaking = () => this.#givenUp(device);
    this.#givenUp(device);
    await sweeper.pass();
  }

  /** What was meant for a dormant device is not stored for it, or does not stay. Some of it may come all the same. */
  #givenUp(device: HeldDevice): void {
    const { deviceId } = device;
    const atMs = this.#installation.clock.nowMs();
    for (const { from, messageId } of this.#waitingFor(device)) {
      const event = { kind: 'expired', device: deviceId, from, messageId, atMs, tombstone: true } as const;
      this.ledger.record({ ...event, why: 'dormant' });
    }
  }

  /** Messages that were accepted for a device and that it has not shown. */
  #waitingFor({ deviceId, owner }: HeldDevice) {
    const { events } = this.ledger;
    const to = new Map(
      events.flatMap((event) => (event.kind === 'intended' ? [[event.intent, event.to]] : [])),
    );
    const mine = new Set(
      events.flatMap((event) =>
        event.kind === 'queued' && to.get(event.intent) === owner.personId ? [event.messageId] : [],
      ),
    );
    const since = events.findIndex((event) => event.kind === 'enrolled' && event.device === deviceId);
    const shown = new Set(
      events.flatMap((event) =>
        (event.kind === 'displayed' || event.kind === 'expired') && event.device === deviceId
          ? [event.messageId]
          : [],
      ),
    );
    return events.flatMap((event, at) =>
      event.kind === 'accepted' && at > since && mine.has(event.messageId) && !shown.has(event.messageId)
        ? [event]
        : [],
    );
  }

  /** Time passes; the server ends connections that are a day old. */
  async wait(ms: number): Promise<void> {
    this.#installation.clock.advance(ms);
    for (const device of this.devices) {
      if (!device.canAct) continue;
      device.hangUp();
      await device.untilDisconnected();
    }
  }

  /** Somebody compares safety numbers with somebody else, who shows theirs. */
  async compare(by: HeldDevice, other: HeldDevice): Promise<void> {
    if (!by.canAct || !other.canAct || by.owner === other.owner) return;
    await other.flush();
    await by.flush();
    const { number } = await other.profile.safety.show(by.owner.mail);
    await by.profile.safety.verify(other.owner.mail, number);
    await by.flush();
  }

  /** Everybody comes back and stays until nothing is left to do; then their screens go into the ledger. */
  async settle(): Promise<void> {
    const left = this.devices.filter((device) => !device.isGone);
    for (const device of left) device.comeBack();
    let calm = 0;
    for (let round = 0; round < ROUNDS_MAX && calm < 2; round++) {
      const before = this.ledger.events.length;
      let waiting = 0;
      for (const device of left) waiting += await device.flush();
      const isCalm = waiting === 0 && this.ledger.events.length === before;
      calm = isCalm ? calm + 1 : 0;
      await this.wait(ROUND_MS);
    }
    for (const device of left) await device.flush();
    for (const device of left) await device.noteScreen();
    const names = left.map(({ deviceId }) => deviceId);
    this.ledger.record({ kind: 'settled', drained: names, flushed: names });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const device of this.devices) await device.close();
    for (const proxy of this.#proxies) await proxy[Symbol.asyncDispose]();
    this.#watch[Symbol.dispose]();
  }

  async #enrol(owner: Owner & { readonly personId: Owner['personId'] }): Promise<void> {
    const prepared = await this.#prepare(owner);
    const { personId } = owner;
    const { token } = await this.#installation.operator.call('tokenCreate', { personId });
    await enrol({ ...prepared.place, token, now: this.#now });
    const device = new HeldDevice(prepared);
    this.#watch.watch(await device.readOwn());
    await device.open();
    device.enrolled();
    this.devices.push(device);
    await device.flush();
  }

  /** A folder and a proxy for a device that is to come. */
  async #prepare(owner: Owner) {
    this.#folders += 1;
    const profileDir = this.#installation.folder.at('held', this.#name, String(this.#folders));
    const secret = Uint8Array.from(randomBytes(18));
    await makeCheapContainer(profileDir, secret);
    const proxy = await HeldDevice.proxyTo(Number(new URL(this.#installation.url).port));
    this.#proxies.push(proxy);
    const { ledger } = this;
    const place = { serverUrl: proxy.url, profileDir, secret };
    return { owner, ledger, proxy, profileDir, secret, now: this.#now, place };
  }
}
