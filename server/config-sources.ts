/**
 * Collects what was said about each option: flag over environment over config file. Reads and names; judges no value.
 * A name that nobody knows is an error, because an option with a typo must not silently keep its default.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { isOptionName, isSwitch, optionNames, type OptionName } from './config-options.js';

/** A value as it was given, and where: "--name", "QUORATE_NAME" or "name in /etc/quorate.json". */
export interface GivenValue {
  readonly value: unknown;
  readonly source: string;
}

export interface Given {
  readonly action: 'run' | 'help' | 'version';
  readonly values: ReadonlyMap<OptionName, GivenValue>;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

interface Flags {
  readonly action: Given['action'];
  readonly configFile: string | undefined;
  readonly values: ReadonlyMap<OptionName, GivenValue>;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** A config file is a handful of lines; something larger was named by mistake. */
const configFileBytesMax = 1024 * 1024;

export function collectGiven(args: readonly string[], environment: Environment): Given {
  const problems: string[] = [];
  const flags = readFlags(args, problems);
  if (flags.action !== 'run') return { action: flags.action, values: new Map(), problems: [], warnings: [] };
  const file = flags.configFile ?? (environment['QUORATE_CONFIG_FILE'] || undefined);
  const values = new Map([
    ...(file === undefined ? [] : readConfigFile(file, problems)),
    ...readEnvironment(environment),
    ...flags.values,
  ]);
  return { action: 'run', values, problems, warnings: unknownVariables(environment) };
}

export function environmentName(option: string): string {
  return `QUORATE_${option.toUpperCase().replaceAll('-', '_')}`;
}

function readFlags(args: readonly string[], problems: string[]): Flags {
  const { tokens } = parseArgs({ args: [...args], options: flagSyntax(), strict: false, tokens: true });
  const values = new Map<OptionName, GivenValue>();
  let action: Given['action'] = 'run';
  let configFile: string | undefined;
  for (const token of tokens) {
    if (token.kind === 'positional') problems.push(`"${token.value}" is not a flag: this command takes flags only`);
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    if (name === 'help' || name === 'version') action = name;
    else if (!isOptionName(name) && name !== 'config-file') problems.push(`${rawName} is unknown: see --help`);
    else if (isOptionName(name) && isSwitch(name)) values.set(name, { value: value ?? true, source: rawName });
    else if (value === undefined || (!token.inlineValue && value.startsWith('--')))
      problems.push(`${rawName} needs a value`);
    else if (isOptionName(name)) values.set(name, { value, source: rawName });
    else configFile = value;
  }
  return { action, configFile, values };
}

function flagSyntax() {
  const syntax: Record<string, { type: 'string' | 'boolean'; short?: string }> = {
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean' },
    'config-file': { type: 'string' },
  };
  for (const name of optionNames) syntax[name] = { type: isSwitch(name) ? 'boolean' : 'string' };
  return syntax;
}

/** An empty variable counts as not set, so that a deployment can blank one out. */
function readEnvironment(environment: Environment): [OptionName, GivenValue][] {
  return optionNames.flatMap((name): [OptionName, GivenValue][] => {
    const source = environmentName(name);
    const value = environment[source];
    return value === undefined || value === '' ? [] : [[name, { value, source }]];
  });
}

/** Only a warning: Kubernetes sets QUORATE_SERVICE_HOST and the like for a service that is called "quorate". */
function unknownVariables(environment: Environment): string[] {
  const known = new Set([...optionNames, 'config-file'].map(environmentName));
  return Object.keys(environment)
    .filter((name) => name.startsWith('QUORATE_') && !known.has(name) && !/^QUORATE_(SERVICE|PORT)(_|$)/.test(name))
    .map((name) => `${name} is not a variable that quorate knows: ignored`);
}

function readConfigFile(path: string, problems: string[]): [OptionName, GivenValue][] {
  let content: unknown;
  try {
    const bytes = readFileSync(path);
    if (bytes.length > configFileBytesMax) throw new Error(`${bytes.length} bytes, more than ${configFileBytesMax}`);
    content = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    problems.push(`config file ${path}: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    problems.push(`config file ${path}: must hold one JSON object whose keys are flags without "--"`);
    return [];
  }
  return Object.entries(content).flatMap(([key, value]): [OptionName, GivenValue][] => {
    if (isOptionName(key)) return [[key, { value, source: `${key} in ${path}` }]];
    problems.push(`${key} in ${path} is unknown: keys are flags without "--", see --help`);
    return [];
  });
}
