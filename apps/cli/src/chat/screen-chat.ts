/** The chat on a terminal: keys in, screens out. */

import type { ReadStream, WriteStream } from 'node:tty';
import type { Profile } from '@kuvert/client-core/node';
import type { Language } from '../config.ts';
import { ChatEngine, type HostEffect } from './engine.ts';
import { drawScreen } from './render/screen.ts';
import { beginningState } from './state.ts';
import { Painter } from './terminal/painter.ts';
import { Terminal } from './terminal/terminal.ts';
import { type ThemeName, themeOf, themeOfBackground } from './terminal/theme.ts';

/** What {@link runScreenChat} needs. */
export interface ScreenChatOptions {
  readonly profile: Profile;
  readonly language: Language;
  readonly input: ReadStream;
  readonly output: WriteStream;
  /** `auto` asks the terminal; `fallback` is for one that does not answer. */
  readonly theme: ThemeName | 'auto';
  readonly fallback: ThemeName;
  readonly stop: AbortSignal;
}

/** Resolves when the person has left. The terminal is then as it was. */
export async function runScreenChat(options: ScreenChatOptions): Promise<void> {
  const { profile, language, input, output, theme, fallback, stop } = options;
  const ended = Promise.withResolvers<void>();
  const { name, mail, tenantName } = profile.whoami();
  const painter = new Painter(output);
  const terminal = new Terminal(input, output, {
    onKey: (key) => engine.send({ kind: 'key', ...key }),
    onPaste: (text) => engine.send({ kind: 'paste', text }),
    onFocus: (hasFocus) => engine.send({ kind: 'focus', hasFocus }),
    onResize: (size) => {
      painter.forget();
      engine.send({ kind: 'resize', size });
    },
    onBackground: (colour) => {
      const found = theme === 'auto' ? themeOfBackground(colour) : undefined;
      if (found === undefined || engine.state.theme === found) return;
      engine.send({ kind: 'theme', theme: found });
    },
    onSuspended: () => painter.pause(),
    onResumed: () => painter.resume(),
    onEnd: () => ended.resolve(),
  });
  const engine = new ChatEngine({
    profile,
    state: beginningState({
      language,
      theme: theme === 'auto' ? fallback : theme,
      size: terminal.size,
      nowMs: Date.now(),
      self: { name, mail, tenantName },
      hasPictures: terminal.colourBits >= 8,
    }),
    host: { onStep: draw, onEffect: obey },
  });

  function draw(): void {
    painter.request(() => ({
      frame: drawScreen(engine.state),
      theme: themeOf(engine.state.theme, terminal.colourBits),
    }));
  }

  function obey(effect: HostEffect): void {
    if (effect.do === 'quit') ended.resolve();
    if (effect.do === 'suspend') terminal.suspend();
    if (effect.do === 'redraw') painter.forget();
    if (effect.do === 'bell') output.write('\u0007');
  }

  const onStop = (): void => ended.resolve();
  // What nobody has caught is told on a terminal that can be read again.
  const onCrash = (): void => terminal.close();
  process.prependListener('uncaughtException', onCrash);
  process.prependListener('unhandledRejection', onCrash);
  stop.addEventListener('abort', onStop);
  try {
    terminal.open();
    engine.start();
    draw();
    if (!stop.aborted) await ended.promise;
  } finally {
    terminal.close();
    stop.removeEventListener('abort', onStop);
    process.off('uncaughtException', onCrash);
    process.off('unhandledRejection', onCrash);
    await engine.end();
  }
}
