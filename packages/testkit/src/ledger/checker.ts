/**
 * The checker: a pure function from a ledger to what speaks against P1 to P4 (design.md §2), and against devices in step (A4). Each rule reads the whole ledger on
 * its own and knows nothing of the others, so that one bug that breaks two promises is named twice. The checker is itself tried with
 * planted bugs in `checker.test.ts`: a rule that never fires protects nobody.
 */
import type { LedgerEvent } from './events.ts';
import type { Finding } from './finding.ts';
import { indexLedger } from './ledger-index.ts';
import { DELIVERY_RULES } from './rules-delivery.ts';
import { DEVICE_RULES } from './rules-devices.ts';
import { IN_STEP_RULES } from './rules-in-step.ts';
import { READER_RULES } from './rules-reader.ts';
import { SERVER_RULES } from './rules-server.ts';

/** What speaks against the promises, in order of the ledger; nothing when all were kept. */
export function checkLedger(events: readonly LedgerEvent[]): Finding[] {
  const index = indexLedger(events);
  const findings: Finding[] = [];
  for (const rule of [
    ...DELIVERY_RULES,
    ...READER_RULES,
    ...SERVER_RULES,
    ...DEVICE_RULES,
    ...IN_STEP_RULES,
  ]) {
    rule(index, (code, at, about) => findings.push({ code, at, about }));
  }
  return findings.sort((a, b) => a.at - b.at);
}
