/** What becomes of a suite whose peer is not installed. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { requirePeer } from './etcd.js';

describe('requirePeer', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('says no where the program is missing', () => {
    vi.stubEnv('PATH', '/nowhere');
    vi.stubEnv('QUORATE_CI', '');
    expect(requirePeer('etcd')).toBe(false);
    expect(requirePeer('etcd', 'etcdctl')).toBe(false);
  });

  it('fails in CI, naming what is missing', () => {
    vi.stubEnv('PATH', '/nowhere');
    vi.stubEnv('QUORATE_CI', '1');
    expect(() => requirePeer('etcd', 'etcdctl')).toThrow('missing in CI: etcd, etcdctl');
  });

  it('says yes where nothing is missing', () => {
    vi.stubEnv('QUORATE_CI', '1');
    expect(requirePeer()).toBe(true);
  });
});
