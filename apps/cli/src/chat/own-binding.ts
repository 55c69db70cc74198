/** What the binding does about one's own devices, settings, and the keys of others. */
import { SETTINGS } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import type { DeviceId } from '@kuvert/protocol';
import type { ChatEvent, Effect, SafetyItem } from './model.ts';
import type { ChatTexts } from './texts/texts.ts';

type SafetyInfo = Awaited<ReturnType<Profile['safety']['show']>>;

/** @see the top of this file */
export class OwnBinding {
  readonly #profile: Profile;
  readonly #texts: ChatTexts;
  readonly #tell: (event: ChatEvent) => void;
  /** Codes that were read, until the person has compared the numbers. */
  readonly #links = new Map<string, ReturnType<Profile['devices']['readCode']>>();

  /** Safety numbers as they were shown last. */
  readonly #numbers = new Map<string, string>();

  constructor(options: { profile: Profile; texts: ChatTexts; tell: (event: ChatEvent) => void }) {
    this.#profile = options.profile;
    this.#texts = options.texts;
    this.#tell = options.tell;
  }

  /** As known here, then as the server has them. */
  async showDevices(): Promise<void> {
    this.#tellDevices();
    if (!this.#profile.isConnected) return;
    await this.#profile.devices.refresh();
    this.#tellDevices();
  }

  #tellDevices(): void {
    const devices = this.#profile.devices
      .list()
      .map(({ deviceId, name, role, isThis, isActive, addedAtMs }) => ({
        id: deviceId,
        label: name ?? this.#texts.namelessDevice(),
        hasName: name !== undefined,
        isThis,
        isActive,
        canApprove: role === 'signer',
        addedAtMs,
      }));
    this.#tell({ kind: 'devices', devices });
  }

  async revoke(deviceId: DeviceId): Promise<void> {
    const { devices } = this.#profile;
    if (devices.isSigner) {
      await devices.revoke(deviceId);
      this.#done(this.#texts.revoked());
    } else {
      devices.askToRevoke(deviceId);
      this.#done(this.#texts.revokeAsked());
    }
    this.#tellDevices();
  }

  readLink(code: string): void {
    const request = this.#profile.devices.readCode(code);
    this.#links.set(code, request);
    this.#tell({ kind: 'linkOffer', offer: { code, numbers: request.numbers } });
  }

  async approveLink({ offer, isSigner }: Extract<Effect, { do: 'approveLink' }>): Promise<void> {
    const request = this.#links.get(offer.code);
    if (request === undefined) return;
    await this.#profile.devices.approve(request, { isSigner });
    this.#links.delete(offer.code);
    this.#done(this.#texts.linked());
  }

  showSettings(): void {
    const settings = this.#profile.settings().map(({ name, value, setBy }) => ({
      name,
      label: this.#texts.settingLabel(name),
      help: this.#texts.settingHelp(name),
      value,
      values: SETTINGS[name].map((one) => ({ value: one, label: this.#texts.settingValue(one) })),
      isFixed: setBy === 'policy',
    }));
    this.#tell({ kind: 'settings', settings });
  }

  labelDevice(deviceId: DeviceId, label: string): void {
    this.#profile.devices.name(deviceId, label);
    this.#done(this.#texts.labelled());
    this.#tellDevices();
  }
  setSetting(name: string, value: string): void {
    this.#profile.changeSetting({ name, value });
    this.showSettings();
  }

  /** @param mail whose keys */
  async showSafety(id: string, mail: string): Promise<void> {
    const { safety } = this.#profile;
    // As known here, then as the server has it: a server that does not answer keeps nobody waiting.
    const known = safety.known(mail);
    if (known !== undefined) this.#tellSafety(id, known);
    if (known === undefined || this.#profile.isConnected) this.#tellSafety(id, await safety.show(mail));
  }
  /**
   * @param shown what the other side shows: number or code; without it the person has compared by eye what was shown here, and no other
   * number that has come since
   */
  async verify(id: string, mail: string, shown: string | undefined): Promise<void> {
    const { safety } = this.#profile;
    const info = await safety.verify(
      mail,
      shown ?? this.#numbers.get(id) ?? (await safety.show(mail)).number,
    );
    this.#tellSafety(id, info);
    this.#done(this.#texts.verifiedNow(info.name, true));
  }
  async unverify(id: string, mail: string): Promise<void> {
    const info = await this.#profile.safety.unverify(mail);
    this.#tellSafety(id, info);
    this.#done(this.#texts.verifiedNow(info.name, false));
  }
  async accept(id: string, mail: string): Promise<void> {
    const info = await this.#profile.safety.accept(mail);
    this.#tellSafety(id, info);
    this.#done(this.#texts.acceptedNow(info.name));
  }

  #tellSafety(id: string, { name, mail, number, code, verification, isHeld }: SafetyInfo): void {
    this.#numbers.set(id, number);
    const safety: SafetyItem = { name, mail, number, qr: code, verification, isHeld };
    this.#tell({ kind: 'safety', id, safety });
  }

  #done(sentence: string): void {
    this.#tell({ kind: 'told', sentence, isError: false });
  }
}
