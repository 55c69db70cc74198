/** A browser with a virtual authenticator (WebAuthn), driven over the DevTools protocol. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';

/** Whether there is one on this machine. */
export const hasBrowser = spawnSync('chromium', ['--version']).status === 0;

/** A page of it. */
export class Page {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: { result?: unknown; error?: { message: string } }) => void>();
  #last = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      const answer = JSON.parse(String(data)) as { id?: number };
      if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer as never);
    });
  }

  async send<T>(method: string, params: object = {}): Promise<T> {
    const id = ++this.#last;
    this.#socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await new Promise<{ result?: unknown; error?: { message: string } }>(
      (resolve) => this.#waiting.set(id, resolve),
    );
    if (error !== undefined) throw new Error(error.message);
    return result as T;
  }

  /** Runs a script in the page as if somebody had clicked. */
  async run<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send<{
      result: { value: T };
      exceptionDetails?: { exception?: { description?: string } };
    }>('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true, userGesture: true });
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description);
    return result.value;
  }

  close(): void {
    this.#socket.close();
  }
}

/** Opens one with a profile in a folder. */
async function startBrowser(folder: string): Promise<{ browser: ChildProcess; page: Page }> {
  const args = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--no-first-run',
  ];
  const own = ['--remote-debugging-port=0', `--user-data-dir=${folder}`, 'about:blank'];
  const browser = spawn('chromium', [...args, ...own], { stdio: 'ignore' });
  const portFile = join(folder, 'DevToolsActivePort');
  const isThere = () => existsSync(portFile) && readFileSync(portFile, 'utf8').includes('\n');
  while (!isThere()) {
    if (browser.exitCode !== null) throw new Error('the browser did not start');
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [port] = readFileSync(portFile, 'utf8').split('\n');
  const socket = new WebSocket(await addressOfPage(Number(port)));
  await once(socket, 'open');
  return { browser, page: new Page(socket) };
}

/** Where its first page is spoken to; the port is open before there is one. */
async function addressOfPage(port: number): Promise<string> {
  for (;;) {
    const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as {
      type: string;
      webSocketDebuggerUrl: string;
    }[];
    const target = targets.find(({ type }) => type === 'page');
    if (target !== undefined) return target.webSocketDebuggerUrl;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Runs work in a browser whose authenticator has a user who is verified. */
export async function withBrowser(
  work: (page: Page, authenticatorId: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kuvert-browser-'));
  const { browser, page } = await startBrowser(folder);
  try {
    await page.send('WebAuthn.enable');
    const options = {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    };
    const { authenticatorId } = await page.send<{ authenticatorId: string }>(
      'WebAuthn.addVirtualAuthenticator',
      { options },
    );
    await page.send('Page.enable');
    await work(page, authenticatorId);
  } finally {
    page.close();
    const ended = once(browser, 'exit');
    browser.kill('SIGKILL');
    await ended;
    // Its other processes end a moment later, and write until then.
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  }
}
