// Preloaded into a server whose wall clock a campaign sets: `Date` goes by the offset that a file names. Monotonic time stays what
// it is, as it does when an administrator sets the clock of a machine.
import { readFileSync } from 'node:fs';

const file = process.env.FAULTS_CLOCK_FILE;
const realNow = Date.now;
let offsetMs = 0;

function look() {
  try {
    offsetMs = Number(readFileSync(file ?? '', 'utf8')) || 0;
  } catch {
    // No file, no offset.
  }
}

if (file !== undefined) {
  look();
  setInterval(look, 20).unref();
  const now = () => realNow() + offsetMs;
  globalThis.Date = new Proxy(Date, {
    construct: (RealDate, parts) => Reflect.construct(RealDate, parts.length === 0 ? [now()] : parts),
    get: (RealDate, name) => (name === 'now' ? now : Reflect.get(RealDate, name)),
  });
}
