/** Times as people read them, in their time zone and language. */
import type { Language } from '../../config.ts';

const LOCALE: Readonly<Record<Language, string>> = { en: 'en-GB', de: 'de-DE' };
const DAY_MS = 86_400_000;
const made = new Map<string, Intl.DateTimeFormat>();

function format(
  language: Language,
  name: string,
  options: Intl.DateTimeFormatOptions,
  timeMs: number,
): string {
  const key = `${language} ${name}`;
  let formatter = made.get(key);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat(LOCALE[language], options);
    made.set(key, formatter);
  }
  return formatter.format(timeMs);
}

/** `09:05` */
export function clockTime(timeMs: number, language: Language): string {
  return format(language, 'time', { hour: '2-digit', minute: '2-digit', hour12: false }, timeMs);
}

/** `Friday, 20 November 2026` */
export function longDay(timeMs: number, language: Language): string {
  const options = { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' } as const;
  return format(language, 'long day', options, timeMs);
}

/** `20 Nov 2026, 09:05` */
export function dayAndTime(timeMs: number, language: Language): string {
  const options = {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
  } as const;
  return format(language, 'day and time', { ...options, hour12: false }, timeMs);
}

/** A number that is the same all through a local day. */
export function dayOf(timeMs: number): number {
  const date = new Date(timeMs);
  return date.getFullYear() * 10_000 + (date.getMonth() + 1) * 100 + date.getDate();
}

/** For a list: the time today, the weekday within a week, else the day. */
export function shortWhen(timeMs: number, nowMs: number, language: Language): string {
  if (dayOf(timeMs) === dayOf(nowMs)) return clockTime(timeMs, language);
  if (timeMs <= nowMs && nowMs - timeMs < 6 * DAY_MS)
    return format(language, 'weekday', { weekday: 'short' }, timeMs);
  return format(language, 'day', { day: '2-digit', month: '2-digit', year: '2-digit' }, timeMs);
}

/**
 * The beginning of a local day from what somebody typed: `2026-11-03`, `3.11.2026`, `3.11.`, `today`, `yesterday`, `-3`
 * (days ago).
 * @returns undefined when it is no day
 */
export function readDay(typed: string, nowMs: number): number | undefined {
  const text = typed.trim().toLowerCase();
  const now = new Date(nowMs);
  const daysAgo = (days: number): number =>
    new Date(now.getFullYear(), now.getMonth(), now.getDate() - days).getTime();
  if (['today', 'heute'].includes(text)) return daysAgo(0);
  if (['yesterday', 'gestern'].includes(text)) return daysAgo(1);
  const ago = /^-(\d{1,5})$/.exec(text);
  if (ago !== null) return daysAgo(Number(ago[1]));
  const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(text);
  if (iso !== null) return dayFrom(Number(iso[1]), Number(iso[2]), Number(iso[3]));
  const german = /^(\d{1,2})\.(\d{1,2})\.(\d{4})?$/.exec(text);
  if (german === null) return undefined;
  const [day, month] = [Number(german[1]), Number(german[2])];
  if (german[3] !== undefined) return dayFrom(Number(german[3]), month, day);
  const thisYear = dayFrom(now.getFullYear(), month, day);
  // Without a year it is the last such day that has been.
  return thisYear !== undefined && thisYear > nowMs ? dayFrom(now.getFullYear() - 1, month, day) : thisYear;
}

function dayFrom(year: number, month: number, day: number): number | undefined {
  const date = new Date(year, month - 1, day);
  return date.getMonth() === month - 1 && date.getDate() === day ? date.getTime() : undefined;
}

/** A length of time from what somebody typed: `30s`, `5m`, `8h`, `1d`, `2w`. @returns undefined when it is none */
export function readDuration(typed: string): number | undefined {
  const match = /^(\d{1,4})\s*([smhdwt])$/i.exec(typed.trim());
  if (match === null) return undefined;
  const unit = { s: 1_000, m: 60_000, h: 3_600_000, d: DAY_MS, t: DAY_MS, w: 7 * DAY_MS }[
    (match[2] ?? '').toLowerCase()
  ];
  const value = Number(match[1]) * (unit ?? 0);
  return value > 0 ? value : undefined;
}
