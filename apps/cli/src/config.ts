/** The only reader of the environment in the command line; everything else gets {@link Settings}. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Languages of sentences for people. */
export type Language = 'en' | 'de';

/** What the environment says. */
export interface Settings {
  /** `KUVERT_DATA`, default `./data`: the server's data folder, absolute. */
  readonly dataDir: string;
  /** `KUVERT_KEYS`, default `./keys`: the folder with `operator.key`, absolute. */
  readonly keysDir: string;
  /** `KUVERT_ADMIN_SESSION`, else under `XDG_CONFIG_HOME` or `~/.config`: where `kuvert admin` keeps its session, absolute. */
  readonly adminSession: string;
  /** From `LC_ALL`, `LC_MESSAGES` or `LANG`, the first that is set. */
  readonly language: Language;
  /** False when `NO_COLOR` is set (no-color.org) or the terminal is `dumb`. */
  readonly colourAllowed: boolean;
  /** `COLORFGBG`, by which some terminals say whether they are dark or light; empty when it is not set. */
  readonly colorFgBg: string;
}

/** @param env what to read; the process environment outside tests */
export function readSettings(env: Readonly<Record<string, string | undefined>> = process.env): Settings {
  return {
    dataDir: resolve(env.KUVERT_DATA || 'data'),
    keysDir: resolve(env.KUVERT_KEYS || 'keys'),
    adminSession: resolve(
      env.KUVERT_ADMIN_SESSION ||
        join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config'), 'kuvert', 'admin-session.json'),
    ),
    language: readLanguage(env.LC_ALL || env.LC_MESSAGES || env.LANG || ''),
    colourAllowed: !env.NO_COLOR && env.TERM !== 'dumb',
    colorFgBg: env.COLORFGBG ?? '',
  };
}

/** `de`, `de_AT.UTF-8` … are German; everything else is English. */
export function readLanguage(locale: string): Language {
  return /^de($|[_.@-])/i.test(locale) ? 'de' : 'en';
}
