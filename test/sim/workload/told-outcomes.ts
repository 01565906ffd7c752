/**
 * What clients of the SDK were told of their writes, against what the log has made of them, call by call: a success took
 * effect once, what did not happen never did, what is in doubt happened once at most.
 */
import type { Outcome as SdkOutcome } from '../../../client/core/outcome.js';
import type { Call } from '../../checkers/operation.js';
import type { SessionRecords } from '../workload-ports.js';
import { markOf } from '../write-marks.js';
import { describeCall } from './describe-call.js';
import type { Findings } from './findings.js';
import type { Tally } from './tally.js';

interface Told {
  readonly who: string;
  readonly call: Call;
  readonly mark: string;
  readonly outcome: SdkOutcome;
  /** For people. */
  readonly code: string;
}

export class ToldOutcomes {
  readonly #told: Told[] = [];

  /** A success has outcome `applied` and code `OK`. A write that cannot be told from others is left out. */
  add(who: string, call: Call, outcome: SdkOutcome, code: string): void {
    const mark = markOf(call);
    if (mark !== undefined) this.#told.push({ who, call, mark, outcome, code });
  }

  /** When nothing is under way any more. `versions`: of the keys that are only ever put, at the end. */
  judge(records: SessionRecords, versions: ReadonlyMap<string, number>, findings: Findings, tally: Tally): void {
    const puts = new Map<string, number>();
    for (const { who, call, mark, outcome, code } of this.#told) {
      const times = records.effectsOf(mark);
      if (call.kind === 'put') puts.set(call.key, (puts.get(call.key) ?? 0) + times);
      tally.add(`sdk write ${outcome}`);
      if (outcome === 'unknown' && times === 1) tally.add('sdk write unknown that took effect');
      const isHonest = times <= 1 && (outcome === 'unknown' || times === (outcome === 'applied' ? 1 : 0));
      if (isHonest) continue;
      findings.add(
        'sdk-outcome',
        `${who} ${describeCall(call)}: told ${outcome} (${code}), took effect ${times} times`,
      );
    }
    for (const [key, version] of versions) {
      const put = puts.get(key) ?? 0;
      const inLog = records.putsOf(key);
      if (version === put && version === inLog) continue;
      findings.add('sdk-version', `${key} has version ${version}, after ${put} puts by calls and ${inLog} in the log`);
    }
  }
}
