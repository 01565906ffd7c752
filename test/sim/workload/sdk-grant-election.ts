/** Candidates of an election, whose terms may not overlap in one object, and observers, who may not be taken back. */
import type { Election } from '../../../client/grant/election.js';
import { chance, pick } from './draw.js';
import type { SdkGrantLane } from './sdk-grant-lane.js';
import { ELECTION } from './sdk-grant-plays.js';
import type { SdkHolding } from './sdk-grant-life.js';

const NAMES = [`election/${ELECTION}`] as const;

class TermFailed extends Error {
  override readonly name = 'TermFailed';
}

/** Campaigns for as long as the run lasts, with one object. */
export async function campaign(lane: SdkGrantLane): Promise<void> {
  const { life, random, who } = lane;
  const election = life.client.election(ELECTION);
  const terms = { open: 0 };
  do {
    await lead(lane, election, terms);
    await life.pause(random.below(2 * life.parts.mix.thinkMs));
  } while (!lane.isOver);
  life.parts.ports.trace(`${who} campaigns no more`);
}

/** Until a term holds to its end. */
async function lead(lane: SdkGrantLane, election: Election, terms: { open: number }): Promise<void> {
  const { life, random, who } = lane;
  const { tally, findings, mix, ports } = life.parts;
  const { ttl, priority, lockDelay, signal } = lane.options();
  const options = { ttl, priority, lockDelay, signal, value: who, stopTimeout: pick(random, mix.stopTimeoutsMs) };
  let last: SdkHolding | undefined;
  let isFailure = false;
  const isOverrun = terms.open > 0;
  try {
    await election.lead(async (term) => {
      if (last !== undefined) ports.held.letGo(last);
      if (terms.open > 0)
        findings.add('sdk-lead', `${who}: term ${term.token} begins, and the work of the last one goes on`);
      terms.open += 1;
      tally.add('sdk terms');
      last = life.hold(who, NAMES, term, true);
      try {
        await lane.work(last, term);
        last.isBusy = false;
        if (chance(random, 10)) await term.resign();
        isFailure = chance(random, 15);
        if (isFailure) throw new TermFailed();
      } finally {
        last.isBusy = false;
        terms.open -= 1;
      }
    }, withoutUndefined(options));
    if (isFailure) findings.add('sdk-lead', `${who}: the last term failed, and nobody was told`);
    tally.add('sdk terms to the end');
  } catch (error) {
    if (error instanceof TermFailed && isFailure) tally.add('sdk terms failed');
    else judge(lane, error, { isOverrun, open: terms.open });
  }
  if (last !== undefined) ports.held.letGo(last);
}

function judge(
  { life, who }: SdkGrantLane,
  error: unknown,
  { isOverrun, open }: { isOverrun: boolean; open: number },
): void {
  const code = life.rejected(`${who} lead`, error, 'TERM_OVERRUN', ...(isOverrun ? ['GRANT_OWNED'] : []));
  if (code !== 'TERM_OVERRUN') return;
  life.parts.tally.add('sdk terms overrun');
  if (open > 1) life.parts.findings.add('sdk-lead', `${who}: told of an overrun of ${open} terms`);
}

/** Options that are not there are not said to be undefined. */
function withoutUndefined<T extends object>(options: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

/** Everything that it is told stands in the log by then, and later than what it was told before. */
export async function observe(lane: SdkGrantLane): Promise<void> {
  const { life, who } = lane;
  const { ports, findings, tally } = life.parts;
  let place = -1;
  try {
    for await (const seen of life.client.election(ELECTION).observe({ signal: life.quieted })) {
      const text = seen === null ? '' : `${seen.term} ${Buffer.from(seen.leader.value).toString('latin1')}`;
      tally.add('sdk observations');
      ports.trace(`${who} sees ${text}`);
      const found = ports.held.placeOf(NAMES[0], text, place + 1);
      if (found === undefined)
        findings.add('sdk-observed', `${who}: is told "${text}", which did not come after place ${place}`);
      place = found ?? place;
    }
  } catch (error) {
    life.rejected(`${who} observe`, error);
  }
}
