/**
 * What a person has chosen on one device holds on all of theirs: settings of what others see, and whose keys were compared or accepted.
 * Each choice carries the server's time, and the latest holds; a device that is new is told all of them.
 */
import { type OwnChoicesContent, READER_VERSION } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { queueForOwnDevices } from '../own-lane.ts';
import type { StoredSetting } from '../ticks/store.ts';
import type { TrustChoice } from './store.ts';

type OwnChoices = (typeof OwnChoicesContent)['_zod']['output'];

/** Choices in one envelope. */
const CHOICES_MAX = 64;

/** A stamp after all that this device has given for the same thing. */
export function nextStamp({ clock, serverOffset }: Context, beforeMs = 0): number {
  return Math.max(clock.now() + serverOffset.ms, beforeMs + 1);
}

/** Tells own devices what was chosen here, in the transaction that keeps it. */
export function tellChoices(
  context: Context,
  choices: { readonly settings?: readonly StoredSetting[]; readonly trust?: readonly TrustChoice[] },
): void {
  const settings = (choices.settings ?? []).map(({ name, scope, value, stampMs }) => ({
    name,
    stamp: Math.floor(stampMs),
    ...(scope && { person: scope }),
    ...(value && { value }),
  }));
  const trust = (choices.trust ?? []).map(
    ({ personId, verifiedKey, verifiedAtMs, acceptedKey, stampMs }) => ({
      person: personId,
      stamp: Math.floor(stampMs),
      ...(verifiedKey && { verifiedKey }),
      ...(verifiedAtMs !== undefined && { verifiedAt: Math.floor(verifiedAtMs) }),
      ...(acceptedKey && { acceptedKey }),
    }),
  );
  for (let at = 0; at < Math.max(settings.length, trust.length); at += CHOICES_MAX) {
    queueForOwnDevices(context, {
      content: {
        kind: 'own-choices',
        minReader: READER_VERSION,
        settings: settings.slice(at, at + CHOICES_MAX),
        trust: trust.slice(at, at + CHOICES_MAX),
      },
    });
  }
}

/** Tells everything, because a device has come. */
export function tellAllChoices(context: Context): void {
  const { settings, trust } = context.store;
  tellChoices(context, { settings: settings.list(), trust: trust.listChoices() });
}

/** Takes what another device of one's own has told. */
export function takeChoices({ store }: Context, told: OwnChoices): void {
  for (const { name, person, value, stamp } of told.settings) {
    store.settings.put({ name, scope: person, value, stampMs: stamp });
  }
  for (const { person, verifiedKey, verifiedAt, acceptedKey, stamp } of told.trust) {
    store.trust.choose({
      personId: person,
      verifiedKey,
      verifiedAtMs: verifiedAt,
      acceptedKey,
      stampMs: stamp,
    });
  }
}
