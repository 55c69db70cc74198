/**
 * `send --jsonl -`: one message per line, `{"to": mail, "text": …}`. Each line stands for itself: a bad one is told with
 * its number and the others are sent, because stdin may be a pipe that never ends, and stopping in the middle would leave
 * the caller to find out which lines went.
 */
import { KuvertError } from '@kuvert/protocol';
import { UsageError } from './failure.ts';
import { checkText, decodeUtf8 } from './message-text.ts';

/** A line that can be sent, or why it cannot. Lines count from 1. */
export type MessageLine =
  | { readonly line: number; readonly to: string; readonly text: string }
  | { readonly line: number; readonly problem: unknown };

/** The longest text, each byte of it escaped as `\u00xx`, with room for the rest of the line. */
const LINE_BYTES_MAX = 6 * 240_000 + 4_096;

const LINE_FEED = 0x0a;

/**
 * Reads lines as they come. Each round gives the lines that one piece of input completed, so that a burst is written down
 * in one go and a single line is not kept waiting. Empty lines are left out, but counted.
 *
 * @param defaultTo recipient of lines without `to`
 */
export async function* readMessageLines(
  stream: AsyncIterable<Uint8Array>,
  defaultTo: string | undefined,
): AsyncGenerator<MessageLine[]> {
  let rest: Uint8Array[] = [];
  let restSize = 0;
  let line = 0;
  const finish = (tail: Uint8Array): MessageLine[] => {
    const tooLong = restSize + tail.length > LINE_BYTES_MAX;
    const bytes = tooLong ? tail : Buffer.concat([...rest, tail]);
    rest = [];
    restSize = 0;
    line += 1;
    if (tooLong) return [{ line, problem: new KuvertError('text_too_long') }];
    return parseLine(bytes, line, defaultTo);
  };
  for await (const chunk of stream) {
    const ready: MessageLine[] = [];
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      ready.push(...finish(chunk.subarray(start, end)));
      start = end + 1;
    }
    const tail = chunk.subarray(start);
    restSize += tail.length;
    if (restSize <= LINE_BYTES_MAX) rest.push(tail);
    else rest = [];
    if (ready.length > 0) yield ready;
  }
  if (restSize > 0) {
    const last = finish(new Uint8Array());
    if (last.length > 0) yield last;
  }
}

function parseLine(bytes: Uint8Array, line: number, defaultTo: string | undefined): MessageLine[] {
  try {
    const source = decodeUtf8(bytes);
    if (source.trim() === '') return [];
    const { to = defaultTo, text } = readObject(source);
    if (typeof to !== 'string') throw lineError('"to" is missing', '„to“ fehlt');
    if (typeof text !== 'string') throw lineError('"text" is missing', '„text“ fehlt');
    return [{ line, to, text: checkText(text) }];
  } catch (problem) {
    return [{ line, problem }];
  }
}

function readObject(source: string): { to?: unknown; text?: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    throw lineError('it is not JSON', 'sie ist kein JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw lineError('it is not a JSON object', 'sie ist kein JSON-Objekt');
  }
  return value;
}

function lineError(en: string, de: string): UsageError {
  return new UsageError({ en: `${en}.`, de: `${de}.` });
}
