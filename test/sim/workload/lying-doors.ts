/** Members that break their word now and then, one way each: what a judge must find out. */
import { QuorateError } from '../../../server/lib/quorate-error.js';
import type { Member, TxnAnswer, TxnOpAnswer } from '../../../server/node/member.js';
import type { TxnCommand, TxnOp } from '../../../server/state/command.js';
import { get, put } from '../../node/requests.js';
import type { Door } from './judged-run.js';
import { ALL_KEYS } from './keys.js';

/** An honest door, except for what is changed. */
function door(kv: Member, changed: Partial<Member>): Member {
  return {
    put: (command, options) => kv.put(command, options),
    deleteRange: (command, options) => kv.deleteRange(command, options),
    txn: (command, options) => kv.txn(command, options),
    range: (query, options) => kv.range(query, options),
    compact: (command, physical, options) => kv.compact(command, physical, options),
    members: (linearizable, options) => kv.members(linearizable, options),
    status: () => kv.status(),
    hashKv: (revision, options) => kv.hashKv(revision, options),
    hash: (options) => kv.hash(options),
    isLearner: false,
    isReady: true,
    onReadyChange: (listener) => kv.onReadyChange(listener),
    ...changed,
  };
}

/** True for every `every`th time. */
function nowAndThen(every: number): () => boolean {
  let times = 0;
  return () => {
    times += 1;
    return times % every === 0;
  };
}

export const losesWrites: Door = (kv) => {
  const lies = nowAndThen(4);
  return door(kv, {
    put: async (command, options) => {
      if (!lies()) return kv.put(command, options);
      const { header } = await kv.range(get('a'));
      return { header: { ...header, revision: header.revision + 1 }, prevKv: undefined };
    },
  });
};

/** Answers from what it has told before, however long ago that was. */
export const readsStale: Door = (kv) => {
  let told = 1;
  const tell = <T extends { readonly header: { readonly revision: number } }>(answer: T): T => {
    told = Math.max(told, answer.header.revision);
    return answer;
  };
  return door(kv, {
    put: async (command, options) => tell(await kv.put(command, options)),
    deleteRange: async (command, options) => tell(await kv.deleteRange(command, options)),
    txn: async (command, options) => tell(await kv.txn(command, options)),
    compact: async (command, physical, options) => tell(await kv.compact(command, physical, options)),
    range: async (query, options) => {
      if (query.serializable || query.revision > 0) return tell(await kv.range(query, options));
      const revision = told;
      const answer = await kv.range({ ...query, revision }, options);
      return { ...answer, header: { ...answer.header, revision } };
    },
  });
};

export const appliesHalfTxns: Door = (kv) => {
  const isWrite = ({ kind }: TxnOp): boolean => kind === 'put';
  return door(kv, {
    txn: async (command, options) => {
      const { success } = command;
      if (success.length < 2 || !success.every(isWrite)) return kv.txn(command, options);
      const half = await kv.txn({ ...command, success: success.slice(0, 1) }, options);
      if (!half.succeeded) return half;
      const { revision } = half.header;
      return { ...half, results: success.map((): TxnOpAnswer => ({ kind: 'put', revision, prevKv: undefined })) };
    },
  });
};

export const writesTwice: Door = (kv) => {
  const lies = nowAndThen(5);
  return door(kv, {
    put: async (command, options) => {
      const answer = await kv.put(command, options);
      if (lies()) await kv.put(command, options);
      return answer;
    },
  });
};

export const writesUnasked: Door = (kv) => {
  const lies = nowAndThen(5);
  return door(kv, {
    put: async (command, options) => {
      if (lies()) await kv.put(put(command.key, 'nobody wrote this'), options);
      return kv.put(command, options);
    },
  });
};

export const takesTheWrongBranch: Door = (kv) => {
  const lies = nowAndThen(3);
  return door(kv, {
    txn: async (command, options) => {
      if (command.compares.length === 0 || !lies()) return kv.txn(command, options);
      const { success, failure } = command;
      const answer = await kv.txn({ ...command, success: failure, failure: success }, options);
      return { ...answer, succeeded: !answer.succeeded };
    },
  });
};

/** Lets whoever comes last overwrite what others wrote in between. */
export const ignoresGuards: Door = (kv) =>
  door(kv, { txn: (command, options) => kv.txn({ ...command, compares: [] }, options) });

export const deniesWrites: Door = (kv) => {
  const lies = nowAndThen(4);
  return door(kv, {
    put: async (command, options) => {
      const answer = await kv.put(command, options);
      if (lies()) throw new QuorateError('PROPOSAL_DROPPED');
      return answer;
    },
  });
};

export const miscounts: Door = (kv) => {
  const lies = nowAndThen(6);
  return door(kv, {
    range: async (query, options) => {
      const answer = await kv.range(query, options);
      return lies() ? { ...answer, count: answer.count + 1 } : answer;
    },
  });
};

export const miscountsDeletes: Door = (kv) => {
  const lies = nowAndThen(3);
  return door(kv, {
    deleteRange: async (command, options) => {
      const answer = await kv.deleteRange(command, options);
      return lies() ? { ...answer, deleted: answer.deleted + 1 } : answer;
    },
  });
};

export const changesThePast: Door = (kv) => {
  const lies = nowAndThen(3);
  return door(kv, {
    range: async (query, options) => {
      const answer = await kv.range(query, options);
      if (query.revision === 0 || answer.kvs.length === 0 || !lies()) return answer;
      return { ...answer, kvs: answer.kvs.slice(1), count: answer.count - 1 };
    },
  });
};

/** In the end, a key that was written is not there. */
export const forgets: Door = (kv) =>
  door(kv, {
    range: async (query, options) => {
      const answer = await kv.range(query, options);
      const isAll = query.key === ALL_KEYS.key && query.revision === 0;
      return isAll ? { ...answer, kvs: answer.kvs.slice(1), count: answer.count - 1 } : answer;
    },
  });

/** Any value is as good as its neighbour's. */
export const mixesValuesUp: Door = (kv) => {
  const lies = nowAndThen(4);
  return door(kv, {
    range: async (query, options) => {
      const answer = await kv.range(query, options);
      const [first, second] = answer.kvs;
      if (first === undefined || second === undefined || !lies()) return answer;
      return { ...answer, kvs: [{ ...first, value: second.value }, ...answer.kvs.slice(1)] };
    },
  });
};

export const saysOtherMember: Door = (kv, id) =>
  door(kv, {
    range: async (query, options) => {
      const answer = await kv.range(query, options);
      return { ...answer, header: { ...answer.header, memberId: id + 1n } };
    },
  });

export const saysOtherCluster: Door = (kv, id) =>
  door(kv, {
    range: async (query, options) => {
      const answer = await kv.range(query, options);
      return { ...answer, header: { ...answer.header, clusterId: id } };
    },
  });

export const goesBackInTerms: Door = (kv) => {
  let term = 1000;
  return door(kv, {
    range: async (query, options) => {
      const answer = await kv.range(query, options);
      term -= 1;
      return { ...answer, header: { ...answer.header, raftTerm: term } };
    },
  });
};

export const goesBackInTime: Door = (kv) => {
  const lies = nowAndThen(5);
  return door(kv, {
    range: async (query, options) => {
      const answer = await kv.range(query, options);
      if (!query.serializable || !lies()) return answer;
      return { ...answer, header: { ...answer.header, revision: 1 }, kvs: [], count: 0 };
    },
  });
};

export const rejectsWith =
  (error: Error): Door =>
  (kv) => {
    const lies = nowAndThen(5);
    return door(kv, {
      put: (command, options) => (lies() ? Promise.reject(error) : kv.put(command, options)),
    });
  };

export const throws: Door = (kv) => {
  const lies = nowAndThen(5);
  return door(kv, {
    put: (command, options) => {
      if (lies()) throw new Error('thrown');
      return kv.put(command, options);
    },
  });
};

export const settlesTwice: Door = (kv) => {
  const twice = (once: ReturnType<Member['put']>): typeof once => {
    const both: typeof once.then = (done, failed) => {
      void once.then(done, failed);
      return once.then(done, failed);
    };
    return new Proxy(once, { get: (promise, name): unknown => (name === 'then' ? both : Reflect.get(promise, name)) });
  };
  return door(kv, { put: (command, options) => twice(kv.put(command, options)) });
};

export const answersOtherOps: Door = (kv) =>
  door(kv, {
    txn: async (command, options) => {
      const answer = await kv.txn(command, options);
      return hasPut(command, answer) ? { ...answer, results: answer.results.map(asDelete) } : answer;
    },
  });

function hasPut({ success }: TxnCommand, { succeeded }: TxnAnswer): boolean {
  return succeeded && success.some(({ kind }) => kind === 'put');
}

function asDelete(result: TxnOpAnswer): TxnOpAnswer {
  return result.kind === 'put' ? { kind: 'deleteRange', revision: result.revision, deleted: 0, prevKvs: [] } : result;
}
