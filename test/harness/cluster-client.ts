/**
 * One connection to one member, for suites that kill members: no retries, no fail-over, own deadlines, quick
 * reconnection, and errors that say whether the call may have happened. Keys and values are text here.
 */
import { type ChannelOptions, Client, credentials, type ServiceError } from '@grpc/grpc-js';
import type { ResponseHeader } from '@quorate/proto/etcd/header.js';
import {
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from '@quorate/proto/etcd/kv.js';
import { HashKVRequest, HashKVResponse, StatusRequest, StatusResponse } from '@quorate/proto/etcd/maintenance.js';
import type { OpAnswer, RangeAnswer as RangeContents, Txn } from '../checkers/operation.js';
import { CallError, outcomeOf } from './cluster-outcome.js';
import { opAnswerFrom, rangeAnswerFrom, rangeRequestFrom, txnRequestFrom } from './kv-codec.js';

/** A restarted member is found again within about 100 ms, so that what suites measure is the cluster. */
const options: ChannelOptions = {
  'grpc.enable_retries': 0,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 100,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.max_receive_message_length': -1,
};

const timeoutMsDefault = 5_000;

export interface Answer {
  readonly revision: number;
  readonly term: number;
  readonly memberId: bigint;
}

export interface RangeAnswer extends Answer, RangeContents {}

export interface TxnAnswer extends Answer {
  readonly succeeded: boolean;
  readonly results: readonly OpAnswer[];
}

export interface RangeQuery {
  readonly key: string;
  /** Exclusive; absent: one key. */
  readonly rangeEnd?: string;
  /** 0 or absent: the current one. */
  readonly revision?: number;
  readonly limit?: number;
  readonly serializable?: boolean;
}

export interface StatusAnswer extends Answer {
  /** 0n: none known. */
  readonly leader: bigint;
  readonly raftIndex: number;
  readonly appliedIndex: number;
}

interface Codec<Request, Response> {
  readonly path: string;
  readonly request: { encode(message: Request): { finish(): Uint8Array } };
  readonly response: { decode(bytes: Uint8Array): Response };
}

const put: Codec<PutRequest, PutResponse> = {
  path: '/etcdserverpb.KV/Put',
  request: PutRequest,
  response: PutResponse,
};
const range: Codec<RangeRequest, RangeResponse> = {
  path: '/etcdserverpb.KV/Range',
  request: RangeRequest,
  response: RangeResponse,
};
const txn: Codec<TxnRequest, TxnResponse> = {
  path: '/etcdserverpb.KV/Txn',
  request: TxnRequest,
  response: TxnResponse,
};
const status: Codec<StatusRequest, StatusResponse> = {
  path: '/etcdserverpb.Maintenance/Status',
  request: StatusRequest,
  response: StatusResponse,
};
const hashKv: Codec<HashKVRequest, HashKVResponse> = {
  path: '/etcdserverpb.Maintenance/HashKV',
  request: HashKVRequest,
  response: HashKVResponse,
};

/** Every call rejects with CallError only. */
export class MemberClient {
  readonly #client: Client;

  /** `endpoint` is host:port. */
  constructor(endpoint: string) {
    this.#client = new Client(endpoint, credentials.createInsecure(), options);
  }

  async put(key: string, value: string, timeoutMs?: number): Promise<Answer> {
    const request = PutRequest.fromPartial({ key: Buffer.from(key), value: Buffer.from(value) });
    return answerOf(await this.#call(put, request, timeoutMs));
  }

  async range(query: RangeQuery, timeoutMs?: number): Promise<RangeAnswer> {
    const { revision = 0, limit = 0, serializable = false } = query;
    const request = rangeRequestFrom({ ...query, revision, limit }, serializable);
    const response = await this.#call(range, request, timeoutMs);
    return { ...answerOf(response), ...rangeAnswerFrom(response) };
  }

  async txn(call: Txn, timeoutMs?: number): Promise<TxnAnswer> {
    const response = await this.#call(txn, txnRequestFrom(call), timeoutMs);
    const { succeeded, responses } = response;
    return { ...answerOf(response), succeeded, results: responses.map(opAnswerFrom) };
  }

  async status(timeoutMs?: number): Promise<StatusAnswer> {
    const response = await this.#call(status, StatusRequest.fromPartial({}), timeoutMs);
    return {
      ...answerOf(response),
      leader: response.leader,
      raftIndex: Number(response.raftIndex),
      appliedIndex: Number(response.raftAppliedIndex),
    };
  }

  async hashKv(revision: number, timeoutMs?: number): Promise<number> {
    const request = HashKVRequest.fromPartial({ revision: BigInt(revision) });
    return (await this.#call(hashKv, request, timeoutMs)).hash;
  }

  close(): void {
    this.#client.close();
  }

  #call<Request, Response>(
    { path, request, response }: Codec<Request, Response>,
    message: Request,
    timeoutMs = timeoutMsDefault,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        (value: Request) => Buffer.from(request.encode(value).finish()),
        (bytes: Buffer) => response.decode(bytes),
        message,
        { deadline: Date.now() + timeoutMs },
        (error: ServiceError | null, value?: Response) => {
          if (value !== undefined) resolve(value);
          else reject(errorFrom(error));
        },
      );
    });
  }
}

function errorFrom(error: ServiceError | null): Error {
  if (error === null) return new Error('neither an error nor an answer');
  return new CallError(outcomeOf(error), error.code, error.details);
}

function answerOf({ header }: { readonly header?: ResponseHeader | undefined }): Answer {
  if (header === undefined) throw new Error('an answer without a header');
  return { revision: Number(header.revision), term: Number(header.raftTerm), memberId: header.memberId };
}
