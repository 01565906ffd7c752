/**
 * The text form of a golden story: it opens with comment lines that say its purpose, then come blocks, divided by blank
 * lines. A block is commands, a line of four dashes, and what they print. Comments may stand before any command.
 */
export interface StoryBlock {
  /** Line of the first command, counted from 1. */
  readonly line: number;
  /** Commands and comments, in order, as they stand in the file. */
  readonly source: readonly string[];
  readonly commands: readonly string[];
  readonly expected: readonly string[];
}

export interface StoryFile {
  readonly purpose: readonly string[];
  readonly blocks: readonly StoryBlock[];
}

const DIVIDER = '----';

export function parseStory(text: string): StoryFile {
  const purpose: string[] = [];
  const blocks: StoryBlock[] = [];
  let chunk: string[] = [];
  let line = 0;
  const close = (): void => {
    if (chunk.length === 0) return;
    if (blocks.length === 0 && purpose.length === 0) purpose.push(...chunk);
    else blocks.push(parseBlock(chunk, line - chunk.length));
    chunk = [];
  };
  for (const row of text.split('\n')) {
    line += 1;
    if (row.trim() === '') close();
    else chunk.push(row);
  }
  close();
  if (!purpose.every((row) => row.startsWith('#'))) throw new Error('a story opens with its purpose, in comment lines');
  return { purpose, blocks };
}

function parseBlock(rows: readonly string[], line: number): StoryBlock {
  const divider = rows.indexOf(DIVIDER);
  const source = divider === -1 ? rows : rows.slice(0, divider);
  const commands = source.filter((row) => !row.startsWith('#'));
  if (commands.length === 0) throw new Error(`line ${line}: a block without a command`);
  return { line, source, commands, expected: divider === -1 ? [] : rows.slice(divider + 1) };
}

/** The file again, with `outputs` in place of what each block expected. */
export function renderStory(story: StoryFile, outputs: readonly (readonly string[])[]): string {
  const blocks = story.blocks.map((block, place) => [...block.source, DIVIDER, ...(outputs[place] ?? [])].join('\n'));
  return `${[story.purpose.join('\n'), ...blocks].join('\n\n')}\n`;
}

/** The words of one command: plain words, flags and `key=value` pairs; a value in parentheses is a list. */
export class Command {
  readonly name: string;
  readonly #words: string[] = [];
  readonly #values = new Map<string, string>();
  readonly #used = new Set<string>();

  constructor(readonly text: string) {
    for (const [token, key, value] of text.matchAll(/([A-Za-z]+)=(\([^)]*\)|\S+)|\S+/g)) {
      if (key === undefined || value === undefined) this.#words.push(token);
      else this.#values.set(key, value);
    }
    this.name = this.#words.shift() ?? '';
  }

  /** The next plain word. */
  word(): string {
    const word = this.#words.shift();
    if (word === undefined) throw new Error(`a word is missing in: ${this.text}`);
    return word;
  }

  optionalWord(): string | undefined {
    return this.#words.shift();
  }

  words(): readonly string[] {
    return this.#words.splice(0);
  }

  flag(name: string): boolean {
    const place = this.#words.indexOf(name);
    if (place !== -1) this.#words.splice(place, 1);
    return place !== -1;
  }

  value(key: string): string | undefined {
    this.#used.add(key);
    return this.#values.get(key);
  }

  number(key: string, otherwise: number): number {
    const value = this.value(key);
    return value === undefined ? otherwise : toNumber(value);
  }

  list(key: string): readonly string[] {
    const value = this.value(key) ?? '()';
    return value
      .slice(1, -1)
      .split(' ')
      .filter((item) => item !== '');
  }

  /** Every `key=value` that nobody asked for yet, taken as numbers. */
  otherNumbers(): Readonly<Record<string, number>> {
    const others = [...this.#values].filter(([key]) => !this.#used.has(key));
    for (const [key] of others) this.#used.add(key);
    return Object.fromEntries(others.map(([key, value]) => [key, toNumber(value)]));
  }

  /** A misspelt word must not pass as a command that does less. */
  assertAllUsed(): void {
    const left = [...this.#words, ...[...this.#values.keys()].filter((key) => !this.#used.has(key))];
    if (left.length > 0) throw new Error(`not understood: ${left.join(' ')} in: ${this.text}`);
  }
}

export function toNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`not a number: ${text}`);
  return value;
}
