/** `kuvert devices`: one's own devices, linking a new one and revoking one. */

import type { Profile } from '@kuvert/client-core/node';
import { type DeviceId, isId, KuvertError } from '@kuvert/protocol';
import type { Command } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { deviceTextsIn } from '../device-texts.ts';
import { UsageError } from '../failure.ts';
import { readText } from '../message-text.ts';
import { flushIfReachable, flushNow, type ProfileOptions, withProfile } from '../profile-session.ts';
import { showLine } from '../terminal-text.ts';

const AFTER_HELP = `
Examples:
  kuvert devices list --profile anna --secret-file anna.secret
  kuvert devices link kuvertlink1_… --profile anna --secret-file anna.secret
  kuvert devices label de_… Laptop --profile anna --secret-file anna.secret
  kuvert devices revoke de_… --profile anna --secret-file anna.secret`;

interface LinkOptions extends ProfileOptions {
  readonly signer?: true;
  readonly numbers?: string;
}

/** @see buildProgram */
export function addDevices(program: Command, context: CommandContext): void {
  const devices = program
    .command('devices')
    .description('your devices: list them, link a new one, name or revoke one')
    .helpCommand(false)
    .addHelpText('after', AFTER_HELP);
  addList(devices, context);
  addApprove(devices, context);
  addRevoke(devices, context);
  addLabel(devices, context);
  addNewKey(devices, context);
}

function addList(devices: Command, context: CommandContext): void {
  const command = devices.command('list').description('show your devices');
  profileCommand(command).action(async (options: ProfileOptions) => {
    const { output } = context;
    const texts = deviceTextsIn(output.language);
    await withProfile(options, output, async (profile) => {
      if (await flushIfReachable(profile)) await profile.devices.refresh();
      else await output.notice('server_unreachable', output.texts.offlineLocal());
      for (const entry of profile.devices.list()) {
        const { deviceId, name, role, isThis, isActive, addedAtMs } = entry;
        const addedAt = new Date(addedAtMs).toISOString();
        const shown = { deviceId, ...(name !== undefined && { name }), role, isThis, isActive, addedAt };
        await output.result(shown, () =>
          [
            deviceId,
            name === undefined ? undefined : showLine(name),
            texts.roles(role),
            isThis ? texts.thisDevice() : undefined,
            isActive ? undefined : texts.inactive(),
            texts.since(addedAt.slice(0, 10)),
          ]
            .filter((part) => part !== undefined)
            .join(' · '),
        );
      }
    });
  });
  finishCommand(command, ['kuvert devices list --profile anna --secret-file anna.secret --json']);
}

function addApprove(devices: Command, context: CommandContext): void {
  const command = devices
    .command('link')
    .description('link the new device that shows this code, once you have typed the numbers that it shows')
    .argument('<code>', 'the code (kuvertlink1_…), or - to read it from stdin')
    .option('--signer', 'the new device may link and revoke devices too; give this to no desktop')
    .option('--numbers <numbers>', 'the numbers that the new device shows, instead of being asked for them');
  profileCommand(command).action(async (code: string, options: LinkOptions) => {
    const { output } = context;
    if (code === '-' && options.numbers === undefined) {
      throw new UsageError({
        en: 'With the code from stdin, give the numbers of the new device with --numbers; see --help.',
        de: 'Kommt der Code von der Standardeingabe, bitte die Ziffern des neuen Geräts mit --numbers angeben; siehe --help.',
      });
    }
    await withProfile(options, output, async (profile) => {
      const text = code === '-' ? await readText(context.streams.stdin) : code;
      // The server's time tells how old the code is, and another device may have left a new account key in the mailbox.
      await flushNow(profile);
      const request = profile.devices.readCode(text);
      await confirm(context, request.numbers, options.numbers);
      const isSigner = options.signer === true;
      const deviceId = await profile.devices.approve(request, { isSigner });
      await output.result({ deviceId, role: isSigner ? 'signer' : 'linked' }, () =>
        deviceTextsIn(output.language).approved(deviceId, isSigner),
      );
      await flushIfReachable(profile);
    });
  });
  finishCommand(command, [
    'kuvert devices link kuvertlink1_… --profile anna --secret-file anna.secret',
    'kuvert devices link - --numbers 123456789012 --profile anna --secret-file anna.secret < code.txt',
  ]);
}

/** Typing the numbers makes people look at the other device. @throws KuvertError `link_not_confirmed` */
async function confirm(context: CommandContext, numbers: string, given: string | undefined): Promise<void> {
  const digits = (text: string) => text.replaceAll(/[\s-]/g, '');
  let typed = given;
  if (typed === undefined) {
    await context.output.question(deviceTextsIn(context.output.language).approveQuestion());
    typed = await readLine(context.streams.stdin);
  }
  if (digits(typed) !== digits(numbers)) throw new KuvertError('link_not_confirmed');
}

/** The first line of a stream, without waiting for its end. */
async function readLine(stream: AsyncIterable<Uint8Array>): Promise<string> {
  let line = '';
  for await (const chunk of stream) {
    line += Buffer.from(chunk).toString('latin1');
    if (line.includes('\n') || line.length > 1_000) break;
  }
  return line.split('\n')[0] ?? '';
}

function addRevoke(devices: Command, context: CommandContext): void {
  const command = devices
    .command('revoke')
    .description('cut a device off, at once and for good; one that may not do that asks those that may')
    .argument('<device>', 'the device (de_…), as “kuvert devices list” shows it');
  profileCommand(command).action(async (text: string, options: ProfileOptions) => {
    const deviceId = readDevice(text);
    const { output } = context;
    const texts = deviceTextsIn(output.language);
    await withProfile(options, output, async (profile) => {
      await flushNow(profile);
      // Another device may have linked or revoked some since this one last looked.
      await profile.devices.refresh();
      if (profile.devices.isSigner) {
        await profile.devices.revoke(deviceId);
        await output.result({ deviceId, state: 'revoked' }, () => texts.revoked(deviceId));
      } else {
        profile.devices.askToRevoke(deviceId);
        await output.result({ deviceId, state: 'asked' }, () => texts.revokeAsked(deviceId));
      }
      // Whoever has taken itself out is not let in again.
      if (!profile.devices.isSigner || deviceId !== profile.whoami().deviceId)
        await flushIfReachable(profile);
    });
  });
  finishCommand(command, ['kuvert devices revoke de_… --profile anna --secret-file anna.secret']);
}

function addLabel(devices: Command, context: CommandContext): void {
  const command = devices
    .command('label')
    .description('name a device; only your own devices see the name')
    .argument('<device>', 'the device (de_…), as “kuvert devices list” shows it')
    .argument('<name>', 'its name');
  profileCommand(command).action(async (text: string, name: string, options: ProfileOptions) => {
    const deviceId = readDevice(text);
    const { output } = context;
    await withProfile(options, output, async (profile: Profile) => {
      if (await flushIfReachable(profile)) await profile.devices.refresh();
      profile.devices.name(deviceId, name);
      await output.result({ deviceId, name: name.trim() }, () =>
        deviceTextsIn(output.language).named(deviceId, showLine(name.trim())),
      );
      await flushIfReachable(profile);
    });
  });
  finishCommand(command, ['kuvert devices label de_… Laptop --profile anna --secret-file anna.secret']);
}

function addNewKey(devices: Command, context: CommandContext): void {
  const command = devices
    .command('new-key')
    .description(
      'renew your account key, when somebody else may have got hold of it; people you write with are told',
    );
  profileCommand(command).action(async (options: ProfileOptions) => {
    const { output } = context;
    await withProfile(options, output, async (profile) => {
      await flushNow(profile);
      await profile.devices.renewKey();
      await output.result({ state: 'renewed' }, () => deviceTextsIn(output.language).keyRenewed());
      await flushIfReachable(profile);
    });
  });
  finishCommand(command, ['kuvert devices new-key --profile anna --secret-file anna.secret']);
}

function readDevice(text: string): DeviceId {
  if (isId('device', text)) return text;
  throw new UsageError({
    en: 'That is not the id of a device (de_…); see --help.',
    de: 'Das ist keine Gerätekennung (de_…); siehe --help.',
  });
}
