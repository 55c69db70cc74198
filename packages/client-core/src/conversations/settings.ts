/**
 * Settings of conversations: each is a register that the last writer wins, by a stamp that never runs backwards and, where stamps
 * are equal, by the device that wrote (wire.md says nothing better of clocks than the server's). So all devices of a person end with the same
 * values, in whatever order they hear of them.
 */
import { type CborValue, type ConversationId, decodeCbor, encodeCbor } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import type { ConversationSetting } from './store.ts';
import { MUTED_FOR_EVER_MS } from './types.ts';

/** The settings that there are, with their values when nobody has set them. */
export interface SettingValues {
  readonly pinned: boolean;
  /** 0: not muted. */
  readonly mutedUntil: number;
  readonly draft: string;
}
/** Name of a setting. */
export type SettingName = keyof SettingValues;

const UNSET: SettingValues = { pinned: false, mutedUntil: 0, draft: '' };
const TYPES: { readonly [N in SettingName]: (value: unknown) => value is SettingValues[N] } = {
  pinned: (value) => typeof value === 'boolean',
  mutedUntil: (value): value is number =>
    typeof value === 'number' && value >= 0 && value <= MUTED_FOR_EVER_MS,
  draft: (value) => typeof value === 'string',
};

/** The values of all conversations at once. */
export function readSettings(settings: readonly ConversationSetting[]): Map<ConversationId, SettingValues> {
  const all = new Map<ConversationId, SettingValues>();
  for (const setting of settings) {
    if (!isSettingName(setting.name)) continue;
    const present = all.get(setting.conversationId) ?? UNSET;
    all.set(setting.conversationId, { ...present, [setting.name]: decodeCbor(setting.value) });
  }
  return all;
}

/** Sets a value of one's own. False when it is what it was. Has to run in a transaction. */
export function writeSetting<N extends SettingName>(
  context: Context,
  conversationId: ConversationId,
  name: N,
  value: SettingValues[N],
): boolean {
  const { store, own, clock, changes } = context;
  const present = store.conversations.getSetting(conversationId, name);
  const old = present === undefined ? UNSET[name] : decodeCbor(present.value);
  if (old === value) return false;
  const stampMs = Math.max(clock.now(), (present?.stampMs ?? 0) + 1);
  const encoded = encodeCbor(value as CborValue);
  store.conversations.putSetting({ conversationId, name, value: encoded, stampMs, device: own.deviceId });
  changes.settingsOf(conversationId);
  return true;
}

function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(TYPES, name);
}
