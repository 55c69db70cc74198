/**
 * The server as a process: starts it, says where it listens, drains it when asked to, when its parent died or when something is broken beyond
 * repair. Everything in words that whoever started it can act on; the log on standard error is for those who watch it.
 */
import { writeSync } from 'node:fs';
import { closeProcess } from '@kuvert/closed-process';
import { buildInstallation, type Installation } from './app.ts';
import { readConfig, type ServerConfig } from './config.ts';
import { createLog, describeError, type Log } from './log.ts';
import { StartError, sentenceOfStartFailure } from './start-error.ts';

/** A drain that has not come to its end by then is given up. */
const STOP_MS = 9_000;
/** What a fault of ours leaves for closing the store. */
const CLOSE_MS = 3_000;

// Before any key is read.
const { coreDumps } = closeProcess();

// What the server writes is for its own user alone, whatever the shell that started it says.
process.umask(0o077);

// Whoever reads our output may be gone; that is no fault.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

/** Set before anything runs: a fault while starting counts too. */
let broken = false;

await run();

async function run(): Promise<void> {
  let config: ServerConfig;
  try {
    config = readConfig();
  } catch (error) {
    exitWith(1, sentenceOfStartFailure(error));
  }
  const log = createLog({ level: config.logLevel });
  const onFailure = (error: unknown): void => breakDown(installation, log, error);
  const installation = buildInstallation(config, { log, onFailure });
  endInOrder(installation, log);
  process.on('uncaughtException', onFailure);
  process.on('unhandledRejection', onFailure);
  try {
    await installation.start();
  } catch (error) {
    if (!(error instanceof StartError)) log.error({ event: 'start-failed', ...describeError(error) });
    log.flush();
    exitWith(1, sentenceOfStartFailure(error));
  }
  if (coreDumps === 'on') log.warn({ event: 'core-dumps-on' });
  const { url, opsUrl, dataFolder, keysFolder, empty, setUpCode } = installation;
  process.stdout.write(
    `Kuvert is running. Clients reach it at ${url}\nHealth is at ${opsUrl}/readyz, data in ${dataFolder}, keys in ${keysFolder}\n`,
  );
  if (setUpCode !== undefined) {
    process.stdout.write(`Set-up code for the first operator, good once and for 30 minutes: ${setUpCode}\n`);
  }
  process.send?.({ type: 'ready', url, opsUrl, dataDir: dataFolder, keysDir: keysFolder, empty });
}

/** Signals, and the end of the parent: a server that npm left behind would hold its port for nobody. */
function endInOrder(installation: Installation, log: Log): void {
  let ending = false;
  const end = (reason: string): void => {
    // A Ctrl-C reaches us from the terminal and from our parent; the second signal changes nothing.
    if (ending) return;
    ending = true;
    log.info({ event: 'stop-asked', reason });
    setTimeout(() => {
      log.error({ event: 'stop-took-too-long' });
      log.flush();
      process.exit(1);
    }, STOP_MS).unref();
    installation.stop().then(
      () => {
        log.flush();
        process.exit(0);
      },
      (error: unknown) => breakDown(installation, log, error),
    );
  };
  process.on('SIGINT', () => end('SIGINT'));
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGHUP', () => end('SIGHUP'));
  if (process.send !== undefined) process.on('disconnect', () => end('parent-ended'));
  // It may have died while we were still loading; nobody will tell us any more.
  if (process.connected === false) end('parent-ended');
}

/** A fault of ours: after it nothing in memory is to be trusted, but what was accepted is on disk. */
function breakDown(installation: Installation, log: Log, error: unknown): void {
  if (broken) return;
  broken = true;
  log.error({ event: 'server-broke-down', ...describeError(error) });
  const leave = (): void => {
    log.flush();
    process.exit(1);
  };
  setTimeout(leave, CLOSE_MS).unref();
  installation.abandon().then(leave, leave);
}

/** Written synchronously, because the process ends right after it. */
function exitWith(code: number, sentence: string): never {
  try {
    writeSync(2, `${sentence}\n`);
  } catch {
    // Nobody listens; the exit code says it too.
  }
  process.exit(code);
}
