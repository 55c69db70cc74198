/** `kuvert settings`: what others may see, and when to be asked. */
import { type EffectiveSetting, SETTINGS } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import { mailAddress } from '@kuvert/protocol';
import type { Command } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { UsageError } from '../failure.ts';
import { type ProfileOptions, withProfile } from '../profile-session.ts';

interface SettingsOptions extends ProfileOptions {
  readonly with?: string;
  readonly reset?: true;
}

/** Names as people write them. */
const NAMES = new Map<string, keyof typeof SETTINGS>(
  (Object.keys(SETTINGS) as (keyof typeof SETTINGS)[]).map((name) => [kebab(name), name]),
);

/** @see buildProgram */
export function addSettings(program: Command, context: CommandContext): void {
  const values = [...NAMES].map(([name, key]) => `  ${name}  ${SETTINGS[key].join(' | ')}`).join('\n');
  const command = program
    .command('settings')
    .description('show or set what others may see of you, and when you are asked; needs no server')
    .argument('[name]', 'the setting')
    .argument('[value]', 'its new value')
    .option('--with <mail>', 'in the conversation with this person only')
    .option('--reset', 'forget what was set')
    .addHelpText('after', `\nSettings and their values, the first one holds at the beginning:\n${values}`);
  profileCommand(command).action(
    async (name: string | undefined, value: string | undefined, options: SettingsOptions) => {
      const change = readChange(name, value, options);
      const { output } = context;
      await withProfile(options, output, async (profile) => {
        for (const setting of settingsOf(profile, change)) {
          const { value: present, setBy } = setting;
          const shown = { name: kebab(setting.name), value: present, setBy };
          await output.result(shown, () => output.texts.setting(shown.name, present, setBy));
        }
      });
    },
  );
  finishCommand(command, [
    'kuvert settings --profile anna --secret-file anna.secret',
    'kuvert settings --profile anna --secret-file anna.secret read-receipts off',
    'kuvert settings --profile anna --secret-file anna.secret typing off --with ben@acme.test',
  ]);
}

interface Change {
  readonly name: keyof typeof SETTINGS | undefined;
  readonly value: string | undefined;
  readonly with: { readonly with?: string };
  readonly isChange: boolean;
}

function settingsOf(profile: Profile, change: Change): EffectiveSetting[] {
  const { name, value } = change;
  if (name !== undefined && change.isChange) {
    return [profile.changeSetting({ name, ...change.with, ...(value !== undefined && { value }) })];
  }
  return profile.settings(change.with).filter((setting) => name === undefined || setting.name === name);
}

/** Everything is checked before the profile is opened. */
function readChange(name: string | undefined, value: string | undefined, options: SettingsOptions): Change {
  const key = name === undefined ? undefined : NAMES.get(name);
  const isKnownValue = key === undefined || value === undefined || isValue(key, value);
  if ((name !== undefined && key === undefined) || !isKnownValue) {
    throw new UsageError({
      en: 'There is no such setting or value; see --help.',
      de: 'Diese Einstellung oder diesen Wert gibt es nicht; siehe --help.',
    });
  }
  if (options.reset && (key === undefined || value !== undefined)) {
    throw new UsageError({
      en: 'Give --reset with the name of a setting and no value; see --help.',
      de: 'Bitte --reset mit dem Namen einer Einstellung und ohne Wert angeben; siehe --help.',
    });
  }
  if (options.with !== undefined && !mailAddress.safeParse(options.with).success) {
    throw new UsageError({
      en: '--with is not a mail address; see --help.',
      de: '--with ist keine Mailadresse; siehe --help.',
    });
  }
  return {
    name: key,
    value,
    with: options.with === undefined ? {} : { with: options.with },
    isChange: value !== undefined || options.reset === true,
  };
}

function isValue(name: keyof typeof SETTINGS, value: string): boolean {
  return (SETTINGS[name] as readonly string[]).includes(value);
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
