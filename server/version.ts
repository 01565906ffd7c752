/** What this release is called, read from the package that it ships in. */
import { readFileSync } from 'node:fs';

/** The version of @quorate/server, such as "0.1.0". */
export function ownVersion(): string {
  // Compiled code lives one folder below package.json, sources beside it.
  for (const place of ['./package.json', '../package.json']) {
    const version = versionIn(new URL(place, import.meta.url));
    if (version !== undefined) return version;
  }
  return 'unknown';
}

function versionIn(url: URL): string | undefined {
  try {
    const content: unknown = JSON.parse(readFileSync(url, 'utf8'));
    if (typeof content !== 'object' || content === null || !('version' in content)) return undefined;
    return 'name' in content && content.name === '@quorate/server' ? String(content.version) : undefined;
  } catch {
    return undefined; // Not there: the caller looks in the other place.
  }
}
