/**
 * What a person lets others see of themselves (A3): receipts, typing, presence; and what they want to be asked or told about keys (B6).
 * Policy comes first, then what is set for the conversation, then what is set for all. Whoever does not show a thing is not shown it
 * either, so that nobody can watch unseen.
 */
import { KuvertError, type PersonId } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { nextStamp, tellChoices } from '../trust/own-choices.ts';
import { ASK_BEFORE_SENDING, type ShownFeature } from './policy.ts';

const SWITCH = ['on', 'off'] as const;

/** Every setting with its values; the first is what holds when nothing was set. */
export const SETTINGS = {
  deliveredReceipts: SWITCH,
  readReceipts: SWITCH,
  typing: SWITCH,
  presence: SWITCH,
  /** Tells in the conversation when somebody adds or removes a device. */
  deviceChanges: SWITCH,
  /** Holds messages back until the person has compared or accepted the recipient's keys. */
  askBeforeSending: ASK_BEFORE_SENDING,
} as const;

/** The name of a setting. */
export type SettingName = keyof typeof SETTINGS;
/** A value of a setting. */
export type SettingValue<N extends SettingName = SettingName> = (typeof SETTINGS)[N][number];

/** A setting as it holds. */
export interface EffectiveSetting {
  readonly name: SettingName;
  readonly value: SettingValue;
  /** Who has decided. */
  readonly setBy: 'default' | 'person' | 'conversation' | 'policy';
}

function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name);
}

/** How a setting holds in a conversation, or where no conversation has its own. */
export function effectiveSetting(
  context: Pick<Context, 'store' | 'policy'>,
  name: SettingName,
  personId: PersonId | undefined,
): EffectiveSetting {
  const { settings } = context.store;
  const ofConversation = personId && read(name, settings.get(name, personId));
  const ofPerson = read(name, settings.get(name, undefined));
  const chosen: EffectiveSetting =
    ofConversation !== undefined
      ? { name, value: ofConversation, setBy: 'conversation' }
      : ofPerson !== undefined
        ? { name, value: ofPerson, setBy: 'person' }
        : { name, value: SETTINGS[name][0], setBy: 'default' };
  const policy = context.policy();
  if (name === 'askBeforeSending') {
    const least = policy.askBeforeSending ?? 'never';
    const isStricter = strictness(least) > strictness(chosen.value);
    return isStricter ? { name, value: least, setBy: 'policy' } : chosen;
  }
  const isSwitchedOff = (policy.switchedOff as ReadonlySet<string> | undefined)?.has(name) === true;
  return isSwitchedOff ? { name, value: 'off', setBy: 'policy' } : chosen;
}

/** What a person wants to set. */
export interface SettingChange {
  readonly name: string;
  /** Without a value what was set is forgotten. */
  readonly value?: string;
  /** Mail address, for the conversation with one person. */
  readonly with?: string;
}

/** Settings of one conversation are about a person who is known here. */
function personAt(context: Pick<Context, 'store'>, mail: string | undefined): PersonId | undefined {
  if (mail === undefined) return undefined;
  const person = context.store.directory.findPersonByMail(mail.trim().toLowerCase());
  if (person === undefined) throw new KuvertError('recipient_unknown');
  return person.personId;
}

/** @throws KuvertError `recipient_unknown` */
export function listSettings(
  context: Pick<Context, 'store' | 'policy'>,
  mail: string | undefined,
): EffectiveSetting[] {
  const personId = personAt(context, mail);
  return (Object.keys(SETTINGS) as SettingName[]).map((name) => effectiveSetting(context, name, personId));
}

/** @throws KuvertError `bad_request`, `recipient_unknown`, `set_by_policy` */
export function changeSetting(
  context: Context,
  { name, value, with: mail }: SettingChange,
): EffectiveSetting {
  if (!isSettingName(name)) throw new KuvertError('bad_request', { details: { field: 'name' } });
  if (value !== undefined && read(name, value) === undefined) {
    throw new KuvertError('bad_request', { details: { field: 'value' } });
  }
  const personId = personAt(context, mail);
  const { settings } = context.store;
  const known = settings.list().find((one) => one.name === name && one.scope === personId);
  const changed = { name, scope: personId, value, stampMs: nextStamp(context, known?.stampMs) };
  context.store.transaction(() => {
    settings.put(changed);
    tellChoices(context, { settings: [changed] });
  });
  const setting = effectiveSetting(context, name, personId);
  // It is kept for the time when the policy no longer says otherwise.
  if (value !== undefined && setting.value !== value && setting.setBy === 'policy') {
    throw new KuvertError('set_by_policy', { details: { setting: name } });
  }
  return setting;
}

/** Whether a person may be shown this of ours, and we of theirs. */
export function mayShow(
  context: Pick<Context, 'store' | 'policy'>,
  feature: ShownFeature,
  personId: PersonId,
): boolean {
  return effectiveSetting(context, feature, personId).value === 'on';
}

/** A value that a later release has written is passed over. */
function read(name: SettingName, value: string | undefined): SettingValue | undefined {
  return (SETTINGS[name] as readonly string[]).find((one) => one === value) as SettingValue | undefined;
}

function strictness(value: SettingValue): number {
  return (ASK_BEFORE_SENDING as readonly string[]).indexOf(value);
}
