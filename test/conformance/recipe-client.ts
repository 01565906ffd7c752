/**
 * The lock and election services, and what stands in the store behind them, as one client meets them: every answer in
 * one line of words in which two members must agree. Only ids that a member chose by itself are masked.
 */
import { type CallOptions, Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { ElectionDefinition, type LeaderKey, LeaderRequest, LeaderResponse } from '@quorate/proto/etcd/election.js';
import { KVDefinition, DeleteRangeRequest, PutRequest, RangeRequest } from '@quorate/proto/etcd/kv.js';
import { LeaseDefinition } from '@quorate/proto/etcd/lease.js';
import { LockDefinition } from '@quorate/proto/etcd/lock.js';
import type { KeyValue } from '@quorate/proto/etcd/mvcc.js';
import { decodeMessage, encodeMessage } from '../../server/rpc/codec.js';
import type { UnaryMethod } from '../../server/rpc/unary-calls.js';
import { until } from '../harness/cluster.js';

const timeoutMs = 20_000;
/** Longer than any id of a lease that a suite chooses. */
const chosenIdDigits = 9;
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const text = (of: Uint8Array | undefined): string => Buffer.from(of ?? []).toString('latin1');
const passBytes = (of: Buffer): Buffer => of;

interface Headed {
  readonly header?: { readonly revision: bigint } | undefined;
}

/** A call that is not over yet, or is. */
export class Waiting {
  outcome: string | undefined;
  #cancel = (): void => undefined;

  constructor(run: (options: { readonly cancelled: (cancel: () => void) => void }) => Promise<string>) {
    const cancelled = (cancel: () => void): void => {
      this.#cancel = cancel;
    };
    void run({ cancelled }).then((outcome) => {
      this.outcome = outcome;
    });
  }

  cancel(): void {
    this.#cancel();
  }

  /** In vain when it takes as long as everything else: then it says so. */
  async told(): Promise<string> {
    return until('an answer', timeoutMs, async () => this.outcome);
  }
}

export class RecipeClient {
  readonly #client: Client;

  constructor(endpoint: string) {
    this.#client = new Client(endpoint, credentials.createInsecure());
  }

  close(): void {
    this.#client.close();
  }

  grant(ID: bigint, TTL = 600n): Promise<string> {
    return this.#words(LeaseDefinition, LeaseDefinition.methods.leaseGrant, { ID, TTL }, () => 'granted');
  }

  revoke(ID: bigint): Promise<string> {
    return this.#words(LeaseDefinition, LeaseDefinition.methods.leaseRevoke, { ID }, () => 'revoked');
  }

  put(key: string, value: string, lease = 0n): Promise<string> {
    const request = PutRequest.fromPartial({ key: bytes(key), value: bytes(value), lease });
    return this.#words(KVDefinition, KVDefinition.methods.put, request, () => 'put');
  }

  /** A write that changes nothing but the revision. */
  touch(key: string): Promise<string> {
    const request = PutRequest.fromPartial({ key: bytes(key), ignoreValue: true, ignoreLease: true });
    return this.#words(KVDefinition, KVDefinition.methods.put, request, () => 'touched');
  }

  remove(key: string): Promise<string> {
    const request = DeleteRangeRequest.fromPartial({ key: bytes(key) });
    return this.#words(KVDefinition, KVDefinition.methods.deleteRange, request, ({ deleted }) => `removed ${deleted}`);
  }

  /** Everything there is. */
  async store(): Promise<readonly string[]> {
    const everything = RangeRequest.fromPartial({ key: bytes('\0'), rangeEnd: bytes('\0') });
    const answer = await this.#call(KVDefinition, KVDefinition.methods.range, everything);
    if ('error' in answer) throw new Error(answer.error);
    return answer.message.kvs.map(inWords);
  }

  /** Resolves once so many keys are there: calls that wait have taken their places. */
  async until(count: number): Promise<void> {
    await until(`${count} keys`, timeoutMs, async () => (await this.store()).length === count || undefined);
  }

  lock(name: string, lease: bigint, deadlineMs = timeoutMs): Waiting {
    const { lock } = LockDefinition.methods;
    return new Waiting(({ cancelled }) =>
      this.#words(
        LockDefinition,
        lock,
        { name: bytes(name), lease },
        ({ key }) => `locked ${masked(text(key))}`,
        deadlineMs,
        cancelled,
      ),
    );
  }

  unlock(key: string): Promise<string> {
    return this.#words(LockDefinition, LockDefinition.methods.unlock, { key: bytes(key) }, () => 'unlocked');
  }

  campaign(name: string, lease: bigint, value: string, deadlineMs = timeoutMs): Waiting {
    const { campaign } = ElectionDefinition.methods;
    return new Waiting(({ cancelled }) =>
      this.#words(
        ElectionDefinition,
        campaign,
        { name: bytes(name), lease, value: bytes(value) },
        ({ leader }) =>
          `elected ${text(leader?.name)} ${masked(text(leader?.key))} rev ${leader?.rev} lease ${maskedId(leader?.lease)}`,
        deadlineMs,
        cancelled,
      ),
    );
  }

  proclaim(leader: Proof | undefined, value: string): Promise<string> {
    const request = { leader: leaderKey(leader), value: bytes(value) };
    return this.#words(ElectionDefinition, ElectionDefinition.methods.proclaim, request, () => 'proclaimed');
  }

  resign(leader: Proof | undefined): Promise<string> {
    const request = { leader: leaderKey(leader) };
    return this.#words(ElectionDefinition, ElectionDefinition.methods.resign, request, () => 'resigned');
  }

  leader(name: string): Promise<string> {
    const request = { name: bytes(name) };
    return this.#words(ElectionDefinition, ElectionDefinition.methods.leader, request, ({ kv }) => inWords(kv));
  }

  /** What it is told, in order; its end too. */
  observe(name: string): { readonly told: readonly string[]; cancel(): void } {
    const path = `/${ElectionDefinition.fullName}/${ElectionDefinition.methods.observe.name}`;
    const request = encodeMessage(LeaderRequest, { name: bytes(name) });
    const call = this.#client.makeServerStreamRequest(path, passBytes, passBytes, request, new Metadata());
    const told: string[] = [];
    call.on('data', (answer: Buffer) => {
      const { kv, header } = decodeMessage(LeaderResponse, answer);
      told.push(`${inWords(kv)} @${header?.revision}`);
    });
    call.on('error', ({ code, details }: ServiceError) => told.push(`code ${code}: ${details}`));
    return { told, cancel: () => call.cancel() };
  }

  async #words<Request, Response extends Headed>(
    service: { readonly fullName: string },
    method: UnaryMethod<Request, Response>,
    request: Request,
    said: (response: Response) => string,
    deadlineMs = timeoutMs,
    cancelled: (cancel: () => void) => void = () => undefined,
  ): Promise<string> {
    const answer = await this.#call(service, method, request, { deadline: Date.now() + deadlineMs }, cancelled);
    return 'error' in answer ? answer.error : `${said(answer.message)} @${answer.message.header?.revision}`;
  }

  #call<Request, Response>(
    service: { readonly fullName: string },
    method: UnaryMethod<Request, Response>,
    request: Request,
    options: CallOptions = { deadline: Date.now() + timeoutMs },
    cancelled: (cancel: () => void) => void = () => undefined,
  ): Promise<{ readonly message: Response } | { readonly error: string }> {
    const path = `/${service.fullName}/${method.name}`;
    const message = encodeMessage(method.requestType, request);
    return new Promise((resolve) => {
      const call = this.#client.makeUnaryRequest(
        path,
        passBytes,
        passBytes,
        message,
        new Metadata(),
        options,
        (error, answer) => {
          if (answer !== undefined) resolve({ message: decodeMessage(method.responseType, answer) });
          else resolve({ error: `code ${error?.code}: ${error?.code === 4 ? 'too late' : error?.details}` });
        },
      );
      cancelled(() => call.cancel());
    });
  }
}

export interface Proof {
  readonly key: string;
  readonly rev: bigint;
  readonly lease: bigint;
}

function leaderKey(proof: Proof | undefined): LeaderKey | undefined {
  if (proof === undefined) return undefined;
  const [name = ''] = proof.key.split('/');
  return { name: bytes(name), key: bytes(proof.key), rev: proof.rev, lease: proof.lease };
}

function inWords(kv: KeyValue | undefined): string {
  if (kv === undefined) return 'nothing';
  const { key, value, createRevision, modRevision, version, lease } = kv;
  return `${masked(text(key))}=${text(value)} created ${createRevision} mod ${modRevision} version ${version} lease ${maskedId(lease)}`;
}

function masked(key: string): string {
  return key.replace(new RegExp(`/[0-9a-f]{${chosenIdDigits},}$`), '/<id>');
}

function maskedId(id: bigint | undefined): string {
  return String(id).length > chosenIdDigits ? '<id>' : String(id);
}
