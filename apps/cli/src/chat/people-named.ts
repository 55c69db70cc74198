/** Which people somebody means who writes names: whole names and addresses first, then parts of them. */
import type { Person } from '@kuvert/protocol';

type Named = Pick<Person, 'name' | 'mail'>;

/** Everybody who may be meant. */
export function peopleNamed<P extends Named>(people: readonly P[], wanted: string): readonly P[] {
  const typed = wanted.trim().replace(/^@/, '').toLowerCase();
  const exact = people.filter(({ name, mail }) => mail === typed || name.toLowerCase() === typed);
  if (exact.length > 0) return exact;
  return people.filter(({ name, mail }) => `${name} ${mail}`.toLowerCase().includes(typed));
}

/** Names with commas between them, or addresses with spaces: `Ben, Cem Demir` and `ben@acme.test cem@acme.test`. */
export function splitNames(text: string): readonly string[] {
  const words = text.split(/\s+/).filter((word) => word !== '');
  const areAddresses = words.every((word) => word.includes('@'));
  const names = text.includes(',') || !areAddresses ? text.split(',') : words;
  return names.map((name) => name.trim()).filter((name) => name !== '');
}
