import { describe, expect, it } from 'vitest';
import type { QuorateError } from '../../server/lib/quorate-error.js';
import { bytesHeldMax, RequestGate, requestsInFlightMax } from '../../server/rpc/request-gate.js';

function codeOf(act: () => void): string | undefined {
  try {
    act();
  } catch (error) {
    return (error as QuorateError).code;
  }
  return undefined;
}

describe('the gate', () => {
  it('refuses one request more than its limit, and lets one in when one has left', () => {
    const gate = new RequestGate();
    for (let n = 0; n < requestsInFlightMax; n += 1) gate.enter(0);
    expect(codeOf(() => gate.enter(0))).toBe('TOO_MANY_REQUESTS');
    gate.leave(0);
    expect(codeOf(() => gate.enter(0))).toBeUndefined();
  });

  it('refuses one byte more than its limit, of requests and unsent answers together', () => {
    const gate = new RequestGate();
    gate.enter(1000);
    gate.hold(bytesHeldMax - 1000);
    expect(codeOf(() => gate.enter(1))).toBe('TOO_MANY_REQUESTS');
    expect(codeOf(() => gate.enter(0))).toBeUndefined();
    gate.release(1);
    expect(codeOf(() => gate.enter(1))).toBeUndefined();
    expect(gate.bytesHeld).toBe(bytesHeldMax);
  });

  it('that is closed refuses everything and waits for what entered before', async () => {
    const gate = new RequestGate();
    gate.enter(1);
    gate.enter(1);
    let isIdle = false;
    const idle = gate.close().then(() => {
      isIdle = true;
    });
    expect(codeOf(() => gate.enter(1))).toBe('STOPPED');
    gate.leave(1);
    await Promise.resolve();
    expect(isIdle).toBe(false);
    gate.leave(1);
    await idle;
    expect(isIdle).toBe(true);
  });

  it('that is empty closes at once, and twice', async () => {
    const gate = new RequestGate();
    await gate.close();
    await gate.close();
  });
});
