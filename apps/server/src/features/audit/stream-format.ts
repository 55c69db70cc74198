/**
 * Entries as messages for a collector of logs: RFC 5424, or CEF inside it, framed by counting octets (RFC 6587 §3.4.1, as RFC 5425 wants over TLS). They hold ids and the address, but neither names nor
 * what was before and after: what is to be erased one day does not belong where no erasure reaches.
 */
import { utf8 } from '@kuvert/protocol';
import { AUDIT_ACTIONS, type AuditReading } from '@kuvert/protocol/admin';

export type StreamFormat = 'rfc5424' | 'cef';

/** One message's content. */
export interface StreamMessage {
  readonly log: string;
  readonly index: number;
  readonly entryId: string;
  /** Undefined when the term of the entry was over before it could be sent. */
  readonly reading: AuditReading | undefined;
  /** It may have arrived before: the connection broke while it was under way. */
  readonly isResent: boolean;
}

/** Facility 13 is "log audit" (RFC 5424 §6.2.1). */
const FACILITY = 13;
const SEVERITY = { done: 6, refused: 4 } as const;
const CEF_SEVERITY = { done: 3, refused: 6 } as const;
/** Of the number for examples (RFC 5612), since Kuvert has none of its own. */
const SD_ID = 'kuvert@32473';
const MSGID_CHARACTERS = 32;

/** The framed bytes of a message. */
export function framedMessage(message: StreamMessage, format: StreamFormat): Uint8Array<ArrayBuffer> {
  const text = syslogOf(message, format === 'cef' ? cefOf(message) : undefined);
  const body = utf8(text);
  return utf8(`${body.length} ${text}`);
}

function syslogOf(message: StreamMessage, cef: string | undefined): string {
  const { reading } = message;
  const outcome = reading?.outcome ?? 'done';
  const action = reading?.action ?? 'entries.deleted';
  const time = reading?.time ?? '-';
  const fields = Object.entries(fieldsOf(message)).map(([name, value]) => `${name}="${sdValue(value)}"`);
  const head = `<${FACILITY * 8 + SEVERITY[outcome]}>1 ${time} - kuvert - ${action.slice(0, MSGID_CHARACTERS)}`;
  const about = aboutOf(action);
  return `${head} [${SD_ID} ${fields.join(' ')}] ${cef ?? about}`;
}

function fieldsOf({ log, index, entryId, reading, isResent }: StreamMessage): Record<string, string> {
  const all = {
    log,
    index: String(index),
    entry: entryId,
    action: reading?.action,
    outcome: reading?.outcome,
    actor: reading?.actor,
    object: reading?.object,
    via: reading?.via,
    request: reading?.requestId,
    address: reading?.address,
    resent: isResent ? 'true' : undefined,
  };
  return Object.fromEntries(
    Object.entries(all).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  );
}

function aboutOf(action: string): string {
  return (AUDIT_ACTIONS as Readonly<Record<string, string>>)[action] ?? action;
}

/** RFC 5424 §6.3.3. */
function sdValue(text: string): string {
  return oneLine(text).replaceAll(/["\\\]]/g, '\\$&');
}

function cefOf(message: StreamMessage): string {
  const { reading } = message;
  const action = reading?.action ?? 'entries.deleted';
  const severity = CEF_SEVERITY[reading?.outcome ?? 'done'];
  const header = ['CEF:0', 'Kuvert', 'Kuvert', '1', action, aboutOf(action), String(severity)];
  const extension = {
    rt: reading === undefined ? undefined : String(Date.parse(reading.time)),
    externalId: message.entryId,
    cn1Label: 'index',
    cn1: String(message.index),
    cs1Label: 'log',
    cs1: message.log,
    outcome: reading?.outcome,
    suid: reading?.actor,
    duid: reading?.object,
    src: reading?.address,
    request: reading?.via,
    cs2Label: message.isResent ? 'resent' : undefined,
    cs2: message.isResent ? 'true' : undefined,
  };
  const pairs = Object.entries(extension)
    .filter((pair): pair is [string, string] => typeof pair[1] === 'string')
    .map(([name, value]) => `${name}=${oneLine(value).replaceAll(/[=\\]/g, '\\$&')}`);
  return `${header.map((cell, i) => (i === 0 ? cell : oneLine(cell).replaceAll(/[|\\]/g, '\\$&'))).join('|')}|${pairs.join(' ')}`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ');
}
