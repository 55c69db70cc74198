/** What a new device does until it is linked: shows its code, waits, brings its keys and tells its name. */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { beginLink } from '@kuvert/client-core/node';
import { type EnrolmentToken, LINK_LIFETIME_MS } from '@kuvert/protocol';
import type { CommandContext } from './command-context.ts';
import { deviceTextsIn } from './device-texts.ts';
import { flushIfReachable, type ProfileOptions, withProfile } from './profile-session.ts';
import { qrPicture } from './qr-picture.ts';
import { showLine } from './terminal-text.ts';

const NAME_LENGTH_MAX = 64;

/** @param parts.token an enrolment token for somebody who has a device: the link has to lead to its tenant and server */
export async function runLinkFlow(
  context: CommandContext,
  parts: {
    readonly options: ProfileOptions;
    readonly serverUrl: string;
    readonly secret: Uint8Array;
    readonly name?: string | undefined;
    readonly token?: EnrolmentToken;
  },
): Promise<void> {
  const { options, serverUrl, secret, token } = parts;
  const { output } = context;
  const texts = deviceTextsIn(output.language);
  const stop = context.stopSignal();
  const linking = await beginLink({
    serverUrl,
    profileDir: options.profile,
    secret,
    ...(token && { token }),
  });
  try {
    const { code, numbers } = linking;
    await output.result({ code, numbers, validForMs: LINK_LIFETIME_MS }, () =>
      [qrPicture(code, output), texts.scan(), '', code, '', texts.compare(numbers)].join('\n'),
    );
    await output.progress(texts.waiting(LINK_LIFETIME_MS / 60_000));
    const linked = await linking.wait(stop);
    // Stopped by hand: the code may still be approved, and the next attempt with this profile goes on with it.
    if (linked === undefined) return;
    linking.close();
    const { deviceId, personId, tenantId, name, mail } = linked;
    await output.result({ deviceId, personId, tenantId, name, mail }, () => {
      const person = `${showLine(name)} <${showLine(mail)}>`;
      return texts.linked(deviceId, person, showLine(resolve(options.profile)));
    });
    await withProfile(options, output, async (profile) => {
      profile.devices.name(deviceId, (parts.name ?? hostname()).slice(0, NAME_LENGTH_MAX) || 'Kuvert');
      // The keys of a device that cannot reach its server now are brought by its next command.
      await flushIfReachable(profile);
    });
  } finally {
    linking.close();
  }
}
