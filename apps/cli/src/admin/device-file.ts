/**
 * What makes this machine a known device at its next sign-in: a token by server and mail address, in a file beside that of the session, which stays when one signs out. A file that is not there,
 * is broken or can be read by others is none: one signs in all the same, as from an unknown device.
 */
import { z } from 'zod';
import { readOwnFile, writeOwnFile } from './session-file.ts';

const DEVICES_MAX = 20;
const Devices = z
  .array(z.object({ server: z.string().max(1_000), mail: z.string().max(300), token: z.string().max(100) }))
  .max(DEVICES_MAX);

interface Whose {
  readonly server: string;
  readonly mail: string;
}

/** The token for a server, which is never shown to another. */
export async function readDeviceToken(sessionFile: string, whose: Whose): Promise<string | undefined> {
  return (await read(sessionFile)).find((one) => isOf(one, whose))?.token;
}

/** Keeps it for the next sign-in. */
export async function keepDeviceToken(sessionFile: string, whose: Whose, token: string): Promise<void> {
  const others = (await read(sessionFile)).filter((one) => !isOf(one, whose));
  const { server, mail } = whose;
  const devices = [{ server: new URL(server).origin, mail, token }, ...others].slice(0, DEVICES_MAX);
  await writeOwnFile(fileOf(sessionFile), `${JSON.stringify(devices)}\n`);
}

function fileOf(sessionFile: string): string {
  return `${sessionFile}.devices`;
}

function isOf(one: Whose, { server, mail }: Whose): boolean {
  return one.server === new URL(server).origin && one.mail.toLowerCase() === mail.toLowerCase();
}

async function read(sessionFile: string): Promise<z.infer<typeof Devices>> {
  const text = await readOwnFile(fileOf(sessionFile)).catch(() => '[]');
  try {
    return Devices.parse(JSON.parse(text));
  } catch {
    return [];
  }
}
