/** QR codes that commands print. The screen of `kuvert chat` draws its own, in the colours of its theme. */
import { renderUnicodeCompact } from 'uqr';
import type { Output } from './output.ts';

/** Light modules are what is printed, so that a code stands right way round on a dark terminal without any colour. */
const LIGHT_ON_DARK = '\x1b[97;40m';
const PLAIN = '\x1b[0m';

/** A code of half blocks with a quiet zone; where colours are allowed it is light and dark whatever the terminal's ground is. */
export function qrPicture(text: string, { colour }: Pick<Output, 'colour'>): string {
  const picture = renderUnicodeCompact(text, { border: 2 });
  return colour ? picture.replaceAll(/^.*$/gm, (line) => `${LIGHT_ON_DARK}${line}${PLAIN}`) : picture;
}
