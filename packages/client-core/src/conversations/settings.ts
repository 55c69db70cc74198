/**
 * Settings of conversations: each is a register that the last writer wins, by a stamp that never runs backwards and, where stamps
 * are equal, by the device that wrote and then by the value. So all who hear of the same settings end with the same values, in whatever
 * order they hear of them. `timer` is shared with the other side of the conversation, the others with devices of one's own.
 */
import { type CborValue, type ConversationId, decodeCbor, encodeCbor, TIMER_MS } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import type { ConversationSetting } from './store.ts';
import { MUTED_FOR_EVER_MS } from './types.ts';

/** The settings that there are. */
export interface SettingValues {
  readonly pinned: boolean;
  /** 0: not muted. */
  readonly mutedUntil: number;
  readonly draft: string;
  /** How long messages stay; 0: always. */
  readonly timer: number;
}
/** Name of a setting. */
export type SettingName = keyof SettingValues;

const UNSET: SettingValues = { pinned: false, mutedUntil: 0, draft: '', timer: 0 };
/** Longest draft, in UTF-16 units; whatever can be sent fits. */
export const DRAFT_MAX = 120_000;

const isNumber = (value: unknown, max: number): value is number =>
  typeof value === 'number' && value >= 0 && value <= max;
const IS_VALUE: { readonly [N in SettingName]: (value: unknown) => value is SettingValues[N] } = {
  pinned: (value) => typeof value === 'boolean',
  mutedUntil: (value) => isNumber(value, MUTED_FOR_EVER_MS),
  draft: (value): value is string => typeof value === 'string' && value.length <= DRAFT_MAX,
  timer: (value) => isNumber(value, TIMER_MS.max),
};

/** The values of all conversations at once. */
export function readSettings(settings: readonly ConversationSetting[]): Map<ConversationId, SettingValues> {
  const all = new Map<ConversationId, SettingValues>();
  for (const setting of settings) {
    if (!isSettingName(setting.name)) continue;
    const present = all.get(setting.conversationId) ?? UNSET;
    all.set(setting.conversationId, { ...present, [setting.name]: settingValue(setting.name, setting) });
  }
  return all;
}

/** One value, as it is when nobody has set it. */
export function getSetting<N extends SettingName>(
  { store }: Context,
  conversationId: ConversationId,
  name: N,
): SettingValues[N] {
  return settingValue(name, store.conversations.getSetting(conversationId, name));
}

/**
 * Sets a value of one's own. Has to run in a transaction.
 * @returns the setting as it was written; undefined when it was so already
 */
export function writeSetting<N extends SettingName>(
  context: Context,
  conversationId: ConversationId,
  name: N,
  value: SettingValues[N],
): ConversationSetting | undefined {
  const { store, own, serverOffset, changes } = context;
  const present = store.conversations.getSetting(conversationId, name);
  if (settingValue(name, present) === value) return undefined;
  const stampMs = Math.max(Math.floor(serverOffset.now()), (present?.stampMs ?? 0) + 1);
  const setting = {
    conversationId,
    name,
    value: encodeCbor(value as CborValue),
    stampMs,
    device: own.deviceId,
  };
  // The timer travels as a message.
  store.conversations.putSetting(setting, { isDue: name !== 'timer' });
  changes.settingsOf(conversationId);
  return setting;
}

/** Takes what another device has set. False when what is here is newer. Has to run in a transaction. */
export function takeSetting({ store, changes }: Context, setting: ConversationSetting): boolean {
  const present = store.conversations.getSetting(setting.conversationId, setting.name);
  if (present !== undefined && compare(setting, present) <= 0) return false;
  // A value that no release writes would stay for ever where it cannot be read.
  if (isSettingName(setting.name) && !IS_VALUE[setting.name](decodeOrNothing(setting.value))) return false;
  store.conversations.putSetting(setting, { isDue: false });
  changes.settingsOf(setting.conversationId);
  return true;
}

function compare(a: ConversationSetting, b: ConversationSetting): number {
  if (a.stampMs !== b.stampMs) return a.stampMs - b.stampMs;
  if (a.device !== b.device) return a.device < b.device ? -1 : 1;
  return a.value.join() < b.value.join() ? -1 : Number(a.value.join() > b.value.join());
}

function settingValue<N extends SettingName>(
  name: N,
  setting: ConversationSetting | undefined,
): SettingValues[N] {
  const value = setting && decodeOrNothing(setting.value);
  const isValue = IS_VALUE[name] as (value: unknown) => value is SettingValues[N];
  return isValue(value) ? value : UNSET[name];
}

function decodeOrNothing(bytes: Uint8Array): unknown {
  try {
    return decodeCbor(bytes);
  } catch {
    return undefined;
  }
}

function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(UNSET, name);
}
