/** What a candidate tells its parent. Times are in ms on the clock that all processes of this machine share. */
export type FromCandidate =
  | { readonly kind: 'ready' }
  /** Since `from` it has asked again and again whether it still leads, and the last time that it did was `to`. */
  | { readonly kind: 'led'; readonly token: number; readonly from: number; readonly to: number }
  | { readonly kind: 'ended'; readonly token: number; readonly how: 'lost' | 'resigned' };

export interface CandidateOrder {
  readonly name: string;
  readonly endpoints: readonly string[];
  readonly election: string;
  readonly ttlMs: number;
  /** A term is given up after about so long. */
  readonly termMs: number;
}
