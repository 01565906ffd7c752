import { describe, expect, it } from 'vitest';
import { addressOf, parseEndpoints } from '../../../client/core/endpoints.js';

describe('endpoints', () => {
  it.each([
    ['a:2379', ['a:2379'], undefined],
    ['a:2379, b:22379', ['a:2379', 'b:22379'], undefined],
    ['a', ['a:2379'], undefined],
    ['http://a:1/,http://B:2', ['a:1', 'b:2'], false],
    ['https://a:1,b:2', ['a:1', 'b:2'], true],
    ['[::1]:2379', ['[::1]:2379'], undefined],
    ['a:1,a:1,', ['a:1'], undefined],
  ])('%s', (text, addresses, isSecure) => {
    expect(parseEndpoints(text)).toEqual({ addresses, isSecure });
  });

  it('come as a list too', () => {
    expect(parseEndpoints(['a:1', 'b:2']).addresses).toEqual(['a:1', 'b:2']);
  });

  it.each([
    '',
    ',',
    'a:0',
    'a:70000',
    'a:b',
    'ftp://a:1',
    'http://a:1/path',
    '::1:2379',
    'a b:1',
    'http://a,https://b',
  ])('refuses %j', (text) => {
    expect(() => parseEndpoints(text)).toThrow('INVALID_ARGUMENT');
  });

  it('takes a hint that is no endpoint for none', () => {
    expect(addressOf('unix:///tmp/x')).toBeUndefined();
    expect(addressOf('http://10.0.0.1:2379')).toBe('10.0.0.1:2379');
  });
});
