/**
 * Names of files that come from others. Whatever somebody calls a file, saving it writes one file into the folder that was asked for, under a name that
 * every system takes and that looks like what it is.
 */

/** Bytes that file systems take, with room for a number when a name is there already. */
const NAME_BYTES_MAX = 200;
/** What separates folders, what no system or only some take, and what is not seen. */
const UNWANTED = /[/\\:*?"<>|\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** Characters that are not seen, among them those that turn the direction of text: `exe.fdp` would look like `pdf.exe` turned. */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\ufff0-\uffff]/gu;
/** Devices of Windows, with any extension. */
const DEVICES = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$|clock\$)(\.|$)/iu;
const FALLBACK = 'file';

/** A name that is harmless as that of a file on any system. */
export function harmlessName(name: string): string {
  const plain = name
    .normalize('NFC')
    .toWellFormed()
    .replaceAll(UNSEEN, '')
    .replaceAll(UNWANTED, '_')
    .replaceAll(/\s+/gu, ' ')
    // Hidden files, the folder above, options of programs; Windows drops dots and spaces at the end.
    .replace(/^[.\s~-]+/u, '')
    .replace(/[.\s]+$/u, '');
  const whole = plain === '' || /^_+$/.test(plain) ? FALLBACK : plain;
  const safe = DEVICES.test(whole) ? `_${whole}` : whole;
  return cut(safe);
}

/** The name with a number before its extension, for when the name is there already. */
export function numberedName(name: string, number: number): string {
  if (number < 2) return name;
  const { stem, extension } = partsOf(name);
  return `${stem} (${number})${extension}`;
}

function cut(name: string): string {
  const encoder = new TextEncoder();
  if (encoder.encode(name).length <= NAME_BYTES_MAX) return name;
  const { stem, extension } = partsOf(name);
  const room = NAME_BYTES_MAX - encoder.encode(extension).length;
  let kept = '';
  let size = 0;
  for (const { segment } of new Intl.Segmenter().segment(stem)) {
    size += encoder.encode(segment).length;
    if (size > room) break;
    kept += segment;
  }
  return (kept.trimEnd() || FALLBACK) + extension;
}

/** An extension is short and has no spaces; everything else belongs to the name. */
function partsOf(name: string): { stem: string; extension: string } {
  const extension = /(?<=.)(\.tar)?\.[\p{L}\p{N}_-]{1,16}$/u.exec(name)?.[0] ?? '';
  return { stem: name.slice(0, name.length - extension.length), extension };
}
