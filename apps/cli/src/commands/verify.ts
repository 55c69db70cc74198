/** `kuvert verify`: checks exported audit logs on any machine; no server, no network, no profile. */
import { readFile } from 'node:fs/promises';
import { type ExportProblem, type ExportVerdict, verifyAuditExport } from '@kuvert/crypto/transparency';
import type { Command } from 'commander';
import { type CommandContext, finishCommand } from '../command-context.ts';
import type { Language } from '../config.ts';
import { EXIT } from '../exit-codes.ts';
import { UsageError } from '../failure.ts';
import { showLine } from '../terminal-text.ts';
import { verifyTextsIn } from '../verify-texts.ts';

/** A file of the greatest number of entries is far below it. */
const FILE_BYTES_MAX = 256 * 1024 * 1024;

interface Options {
  readonly key?: string;
  readonly earlier?: string;
  readonly part?: true;
}

interface Finding {
  readonly file: string;
  readonly code: ExportProblem['code'] | 'incomplete';
  readonly index?: number;
}

/** @see buildProgram */
export function addVerify(program: Command, context: CommandContext): void {
  const command = program
    .command('verify')
    .description('check an exported audit log offline: nothing changed, left out or cut off')
    .argument('<files...>', 'files of one export, in any order')
    .option('--key <text or file>', 'the key of the log, as you noted it down before')
    .option('--earlier <file>', 'a checkpoint of the log that you kept; shows that nothing was cut off since')
    .option('--part', 'the files need not be the whole log')
    .action(async (files: string[], options: Options) => {
      const { output } = context;
      const texts = verifyTextsIn(output.language);
      const key = options.key === undefined ? undefined : await keyOf(options.key);
      const earlier = options.earlier === undefined ? undefined : await read(options.earlier);
      const verdicts: { file: string; verdict: ExportVerdict }[] = [];
      for (const file of files) {
        const text = await read(file);
        verdicts.push({ file, verdict: verifyAuditExport(text, { key, earlier }) });
      }
      const findings: Finding[] = verdicts.flatMap(({ file, verdict }) =>
        verdict.problems.map(({ code, index }) => ({
          file,
          code,
          ...(index === undefined ? {} : { index }),
        })),
      );
      if (options.part === undefined) findings.push(...gapsBetween(verdicts));
      const [first] = verdicts;
      const entries = verdicts.reduce((sum, one) => sum + (one.verdict.content?.entries.length ?? 0), 0);
      const facts = {
        ok: findings.length === 0,
        entries,
        origin: first?.verdict.content?.origin ?? null,
        size: first?.verdict.checkpoint?.size ?? null,
        key: first?.verdict.content?.key ?? null,
        problems: findings,
      };
      if (findings.length > 0) context.exitCode = EXIT.trust;
      await output.result(facts, () =>
        findings.length > 0
          ? findings.map((one) => showLine(`${one.file}: ${texts.problem(one.code, one.index)}`)).join('\n')
          : texts.holds(entries, showLine(String(facts.origin)), Number(facts.size)),
      );
      if (findings.length > 0) return;
      if (key === undefined) await output.notice('key_not_given', texts.keyNotGiven(String(facts.key)));
      if (earlier === undefined) await output.notice('earlier_not_given', texts.earlierNotGiven());
    });
  finishCommand(command, [
    'kuvert verify audit.json --key log.key --earlier checkpoint-2026-10.txt',
    'kuvert verify audit-1.csv audit-2.csv',
    'kuvert verify search.json --part --json',
  ]);
}

/** Files that say to be complete have to make up the whole log together. What a search found has gaps by nature. */
function gapsBetween(verdicts: readonly { file: string; verdict: ExportVerdict }[]): Finding[] {
  const pieces = verdicts
    .flatMap(({ file, verdict: { content, checkpoint } }) =>
      content === undefined || content.complete === null || checkpoint === undefined
        ? []
        : [{ file, ...content.complete, size: checkpoint.size }],
    )
    .sort((a, b) => a.from - b.from);
  const findings: Finding[] = [];
  let next = 0;
  for (const { file, from, to } of pieces) {
    if (from > next) findings.push({ file, code: 'incomplete', index: next });
    next = Math.max(next, to);
  }
  const size = Math.max(0, ...pieces.map((piece) => piece.size));
  const last = pieces.at(-1);
  if (last !== undefined && next < size) findings.push({ file: last.file, code: 'incomplete', index: next });
  return findings;
}

/** The key itself, or the file that holds it. */
async function keyOf(text: string): Promise<string> {
  return text.includes('+') && text.startsWith('kuvert-') ? text : (await read(text)).trim();
}

async function read(file: string): Promise<string> {
  try {
    const bytes = await readFile(file);
    if (bytes.length > FILE_BYTES_MAX) throw new Error('too large');
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return '';
    throw new UsageError(cannotRead(showLine(file)));
  }
}

function cannotRead(file: string): Readonly<Record<Language, string>> {
  return { en: `The file ${file} cannot be read.`, de: `Die Datei ${file} kann nicht gelesen werden.` };
}
