/** A bug that is planted to see whether the simulator finds it. */
export interface Mutant {
  readonly name: string;
  /** What goes wrong because of it, and where its own defences had to be taken away, too. */
  readonly hazard: string;
  readonly replacements: readonly Replacement[];
}

export interface Replacement {
  /** Under server/, or with its folder where it is client/. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** From the root of the sources. */
export function pathOf({ file }: Replacement): string {
  return file.startsWith('client/') ? file : `server/${file}`;
}

/** The text of a file with the bug in it. Throws when what it replaces does not stand there exactly once. */
export function applied(mutant: Mutant, replacement: Replacement, text: string): string {
  const { find, replace } = replacement;
  const places = text.split(find).length - 1;
  if (places === 1) return text.replace(find, () => replace);
  throw new Error(`mutant "${mutant.name}": its text stands ${places} times in ${pathOf(replacement)}:\n${find}`);
}
