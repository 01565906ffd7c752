/** Calls and answers as one readable line each, for failure messages. Never used to decide whether two are equal. */
const shownBytesMax = 60;

/** Bytes as a quoted string with escapes, 64-bit numbers as digits, fields at their default left out. */
export function printable(value: unknown): string {
  if (Buffer.isBuffer(value)) return printableBytes(value);
  if (Array.isArray(value)) return printableList(value);
  if (typeof value === 'object' && value !== null) return printableFields(value);
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function printableBytes(bytes: Buffer): string {
  const shown = Array.from(bytes.subarray(0, shownBytesMax), printableByte).join('');
  return bytes.length > shownBytesMax ? `"${shown}"...(${bytes.length} bytes)` : `"${shown}"`;
}

function printableByte(byte: number): string {
  const isPlain = byte > 0x1f && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
  return isPlain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
}

function printableList(list: readonly unknown[]): string {
  return `[${list.map(printable).join(', ')}]`;
}

function printableFields(fields: object): string {
  const shown = Object.entries(fields).filter(([, value]) => !isDefault(value));
  return `{${shown.map(([name, value]) => `${name}: ${printable(value)}`).join(', ')}}`;
}

function isDefault(value: unknown): boolean {
  if (Buffer.isBuffer(value) || Array.isArray(value)) return value.length === 0;
  return value === undefined || value === false || value === 0 || value === 0n || value === '';
}
