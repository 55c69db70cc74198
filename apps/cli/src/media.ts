/** What a file is, by its name: enough to say so in a message. What it really is decides whoever opens it. */
import { extname } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.txt': 'text/plain',
  '.md': 'text/markdown',
  '.csv': 'text/csv',
  '.html': 'text/html',
  '.json': 'application/json',
  '.pdf': 'application/pdf',
  '.zip': 'application/zip',
  '.doc': 'application/msword',
  '.docx': 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  '.xlsx': 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  '.pptx': 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  '.odt': 'application/vnd.oasis.opendocument.text',
  '.ods': 'application/vnd.oasis.opendocument.spreadsheet',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.png': 'image/png',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.heic': 'image/heic',
  '.svg': 'image/svg+xml',
  '.mp4': 'video/mp4',
  '.mov': 'video/quicktime',
  '.webm': 'video/webm',
  '.mp3': 'audio/mpeg',
  '.ogg': 'audio/ogg',
  '.opus': 'audio/opus',
  '.m4a': 'audio/mp4',
  '.wav': 'audio/wav',
};

/** How a file is sent. */
export interface Media {
  readonly mediaType: string;
  readonly kind: 'file' | 'picture' | 'video';
}

/** @param name of a file */
export function mediaOf(name: string): Media {
  const mediaType = TYPES[extname(name).toLowerCase()] ?? 'application/octet-stream';
  if (mediaType.startsWith('video/')) return { mediaType, kind: 'video' };
  // Drawings are programs of a kind, and are sent as files.
  const isPicture = mediaType.startsWith('image/') && mediaType !== 'image/svg+xml';
  return { mediaType, kind: isPicture ? 'picture' : 'file' };
}
