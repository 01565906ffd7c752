/** A bug that is planted to see whether the simulator finds it. */
export interface Mutant {
  readonly name: string;
  /** What goes wrong because of it, and where its own defences had to be taken away, too. */
  readonly hazard: string;
  readonly replacements: readonly Replacement[];
}

export interface Replacement {
  /** Under server/. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** The text of a file with the bug in it. Throws when what it replaces does not stand there exactly once. */
export function applied(mutant: Mutant, { file, find, replace }: Replacement, text: string): string {
  const places = text.split(find).length - 1;
  if (places === 1) return text.replace(find, () => replace);
  throw new Error(`mutant "${mutant.name}": its text stands ${places} times in server/${file}:\n${find}`);
}
