/** Exit codes of `kuvert`, as documented in `docs/cli.md`. Stable: scripts depend on them. */
import type { ErrorCode } from '@kuvert/protocol';

export const EXIT = {
  ok: 0,
  other: 1,
  usage: 2,
  refused: 3,
  profile: 4,
  unreachable: 5,
  trust: 6,
  /** Ctrl-C: the process then ends by the signal, so that a loop of a shell ends with it. */
  stopped: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Codes that do not mean "refused by the server, or not found". */
const BY_CODE: Partial<Record<ErrorCode, ExitCode>> = {
  usage: EXIT.usage,
  group_ambiguous: EXIT.usage,
  config_invalid: EXIT.usage,
  plain_http_refused: EXIT.usage,
  safety_malformed: EXIT.usage,
  text_not_utf8: EXIT.usage,
  text_too_long: EXIT.usage,
  content_invalid: EXIT.usage,
  title_invalid: EXIT.usage,
  token_malformed: EXIT.usage,
  link_malformed: EXIT.usage,

  container_damaged: EXIT.profile,
  container_too_new: EXIT.profile,
  container_wrong_passphrase: EXIT.profile,
  folder_in_use: EXIT.profile,
  folder_is_file: EXIT.profile,
  folder_not_owned: EXIT.profile,
  folder_read_only: EXIT.profile,
  keys_missing: EXIT.profile,
  keys_wrong: EXIT.profile,
  profile_exists: EXIT.profile,
  profile_in_use: EXIT.profile,
  profile_missing: EXIT.profile,
  secret_missing: EXIT.profile,

  channel_broken: EXIT.unreachable,
  server_not_running: EXIT.unreachable,
  server_unreachable: EXIT.unreachable,
  shutting_down: EXIT.unreachable,
  store_unavailable: EXIT.unreachable,

  identity_changed: EXIT.trust,
  identity_not_trusted: EXIT.trust,
  identity_rolled_back: EXIT.trust,
  keys_unconfirmed: EXIT.trust,
  link_not_confirmed: EXIT.trust,
  link_not_trusted: EXIT.trust,
  link_other_server: EXIT.trust,
  safety_mismatch: EXIT.trust,
  server_key_unknown: EXIT.trust,

  disk_full: EXIT.other,
  internal: EXIT.other,
  unexpected: EXIT.other,
};

/** The exit code for a code of the catalogue. */
export function exitCodeFor(code: ErrorCode): ExitCode {
  return BY_CODE[code] ?? EXIT.refused;
}
