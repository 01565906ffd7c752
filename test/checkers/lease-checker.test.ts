import { describeLeases } from './lease-story.js';

describeLeases('a lease never ends early', [
  {
    good: 'it ends when its time is over, counted from its grant',
    history: 'lease 7 of 5 s: granted 100, expired {5100|5099} in term 1\n50-110 grant 7 for 5 -> 7 for 5',
    bad: { 'it ends before': 'was promised until 5100 ms by its grant at 100 ms' },
  },
  {
    good: 'it ends when its time is over, counted from when the last answered renewal was sent',
    history: `
      lease 7 of 5 s: granted 100, expired {6000|5999} in term 1
      50-110 grant 7 for 5 -> 7 for 5
      1000-1800 renew 7 -> 5`,
    bad: { 'it ends before': 'was promised until 6000 ms by client 1: keepAlive 7' },
  },
  {
    good: 'a renewal that was not answered, or failed, promises nothing',
    history: `
      lease 7 of 5 s: granted 100, expired 5100 in term 1
      50-110 grant 7 for 5 -> 7 for 5
      1000-1800 renew 7 -> {?|5}
      2000-2100 renew 7 -> TIMEOUT`,
    bad: { 'an answered one does': 'was promised until 6000 ms' },
  },
  {
    good: 'a renewal that was answered after the end of its time was kept all the same',
    history: `
      lease 7 of 5 s: granted 100, expired {7000|6900} in term 1
      50-110 grant 7 for 5 -> 7 for 5
      2000-7500 renew 7 -> 5`,
    bad: { 'nor is it excused by that': 'was promised until 7000 ms' },
  },
  {
    good: 'the clock of the leader that ends it may be fast',
    history: `
      lease 7 of 11 s: granted 1000, expired {11000|10990} in term 2
      900-1010 grant 7 for 11 -> 7 for 11
      rate 2 is 1.1`,
    bad: { 'it is not that fast': 'was promised until 11000 ms' },
  },
  {
    good: 'the clock of the leader that ends it may be slow',
    history: `
      lease 7 of 9 s: granted 1000, expired {11000|10990} in term 2
      900-1010 grant 7 for 9 -> 7 for 9
      rate 2 is 0.9
      rate 3 is 1.1`,
    bad: { 'a lease under a slow clock lives the longer': 'was promised until 11000 ms' },
  },
  {
    good: 'where a leader with a fast clock has noted what is left, its clock counts',
    history: `
      lease 7 of 11 s: granted 1000, note 5000 at 7000 in term {2|1}, expired 11500 in term 3
      900-1010 grant 7 for 11 -> 7 for 11
      rate 2 is 1.1`,
    bad: { 'none of its leaders has a fast clock': 'was promised until 12000 ms' },
  },
  {
    good: 'what is left is promised from when it was asked for',
    history: `
      lease 7 of 5 s: granted 100, expired {6200|6100} in term 1
      50-110 grant 7 for 5 -> 7 for 5
      1500-1600 renew 7 -> ?
      2200-2210 left 7 -> 4 of 5`,
    bad: { 'it ends before': 'was promised until 6200 ms by client 1: time to live of 7' },
  },
  {
    good: 'what is left is no older than an answer may get',
    history: `
      lease 7 of 5 s: granted 100, expired {7000|6900} in term 1
      50-110 grant 7 for 5 -> 7 for 5
      1500-1600 renew 7 -> ?
      1700-4000 left 7 -> 4 of 5`,
    bad: { 'it was older': 'was promised until 7000 ms' },
  },
  {
    good: 'what is left is promised from when it was asked for on, where keys were read after it',
    history: `
      lease 7 of 5 s: granted 100, expired {5700|5600} in term 1
      50-110 grant 7 for 5 -> 7 for 5
      1500-1600 renew 7 -> ?
      1700-4000 left 7 with keys -> 4 of 5`,
    bad: { 'it ends before that': 'was promised until 5700 ms' },
  },
  {
    good: 'whoever revokes a lease need not wait',
    history: `
      lease 7 of 5 s: granted 100, {revoked|expired} 300 in term 1
      50-110 grant 7 for 5 -> 7 for 5
      200-310 revoke 7 -> ?`,
    bad: { 'whoever lets it run out does': 'was promised until 5100 ms' },
  },
  {
    good: 'a renewal of the lease of before promises nothing of the next one',
    history: `
      lease 7 of 5 s: granted 100, revoked 1000 in term 1
      lease 7 of 2 s: granted {1100|1010}, expired 3500 in term 1
      50-110 grant 7 for 5 -> 7 for 5
      400-1050 renew 7 -> 5
      800-1000 revoke 7 -> ok
      1005-1110 grant 7 for 2 -> 7 for 2
      2000-2010 renew 7 -> {?|2}`,
    bad: { 'one of the next one does': 'was promised until 4000 ms' },
  },
]);

describeLeases('an answer was true at some moment', [
  {
    good: 'a grant happens while it is asked for',
    history: 'lease 7 of 5 s: granted {100|40|200}\n50-110 grant 7 for 5 -> 7 for 5',
    bad: { 'it happened before': 'it was not granted meanwhile', 'it happens later': 'it was not granted meanwhile' },
  },
  {
    good: 'a grant gives at least what was asked for',
    history: 'lease 7 of 5 s: granted 100\n50-110 grant 7 for {3|8} -> 7 for 5',
    bad: { 'it gives less': 'its time is less than what was asked for' },
  },
  {
    good: 'a grant gives the time that it tells',
    history: 'lease 7 of 5 s: granted 100\n50-110 grant 7 for 3 -> 7 for {5|3}',
    bad: { 'it tells another': 'it was not granted meanwhile' },
  },
  {
    good: 'a grant is refused because there is such a lease',
    history: `
      lease 7 of 9 s: granted {100|320}
      50-{110|330} grant 7 for 9 -> 7 for 9
      200-300 grant 7 for 9 -> LEASE_EXISTS`,
    bad: { 'there is none': 'there was none' },
  },
  {
    good: 'of two grants of one id the second one fails',
    history: `
      lease 7 of 5 s: granted 100
      50-110 grant 7 for 5 -> 7 for 5
      50-110 grant 7 for 5 -> {?|7 for 5}`,
    bad: { 'both are answered': '2 calls were told of a grant of lease 7, of which there were 1' },
  },
  {
    good: 'a grant that failed has not happened',
    history: 'lease 7 of 5 s: granted 100\n50-110 grant 7 for 5 -> {?|NO_LEADER}',
    bad: { 'it happened': '1 leases were granted that nobody asked for' },
  },
  {
    good: 'a lease whose id a member has chosen, and whose client never heard of it',
    history: 'lease 12345 of 5 s: granted 100\n50-110 grant 0 for 5 -> {?|NO_LEADER}',
    bad: { 'nobody asked for it': '1 leases were granted that nobody asked for' },
  },
  {
    good: 'a lease is revoked while that is asked for',
    history: `
      lease 7 of 5 s: granted 100, revoked {900|700} in term 1
      50-110 grant 7 for 5 -> 7 for 5
      800-910 revoke 7 -> ok`,
    bad: { 'it was before': 'it was not revoked meanwhile' },
  },
  {
    good: 'a lease is revoked once',
    history: `
      lease 7 of 5 s: granted 100, revoked 900 in term 1
      50-110 grant 7 for 5 -> 7 for 5
      800-910 revoke 7 -> ok
      800-910 revoke 7 -> {LEASE_NOT_FOUND|ok}`,
    bad: { twice: '2 calls were told of a revoke of lease 7, of which there were 1' },
  },
  {
    good: 'a revocation that failed has not happened',
    history: `
      lease 7 of 5 s: granted 100, revoked 900 in term 1
      50-110 grant 7 for 5 -> 7 for 5
      800-910 revoke 7 -> {?|NO_LEADER}`,
    bad: { 'it happened': 'lease 7 saw a revoke 1 times for 0 calls' },
  },
  {
    good: 'there is no lease to revoke',
    history: `
      lease 7 of 5 s: granted {900|100}
      50-{910|110} grant 7 for 5 -> 7 for 5
      200-300 revoke 7 -> LEASE_NOT_FOUND`,
    bad: { 'there was one all the time': 'it was there all the time' },
  },
  {
    good: 'a renewal that was answered found the lease',
    history: `
      lease 7 of 5 s: granted 100, revoked 900 in term 1
      50-110 grant 7 for 5 -> 7 for 5
      800-{900|850} revoke 7 -> ?
      {850|950}-1000 renew 7 -> 5`,
    bad: { 'it was gone before': 'it was not there at any moment meanwhile' },
  },
  {
    good: 'a renewal tells the time that was granted',
    history: 'lease 7 of 5 s: granted 100\n50-110 grant 7 for 5 -> 7 for 5\n850-1000 renew 7 -> {5|4}',
    bad: { 'it tells another': 'it was never like that meanwhile' },
  },
  {
    good: 'a renewal is told that the lease is gone',
    history: `
      lease 7 of 5 s: granted 100, revoked {900|1100} in term 1
      50-110 grant 7 for 5 -> 7 for 5
      800-1200 revoke 7 -> ?
      850-1000 renew 7 -> 0`,
    bad: { 'it is there': 'it was there all the time' },
  },
  {
    good: 'what is left is no more than what was granted',
    history: 'lease 7 of 5 s: granted 100\n50-110 grant 7 for 5 -> 7 for 5\n850-1000 left 7 -> {4|6} of 5',
    bad: { 'it is more': 'it was never like that meanwhile' },
  },
  {
    good: 'nothing is left of a lease that is not there',
    history: `
      lease 7 of 5 s: granted {1100|100}
      50-1110 grant 7 for 5 -> 7 for 5
      850-1000 left 7 -> none`,
    bad: { 'it is there': 'it was there all the time' },
  },
  {
    good: 'the keys are those that hang on it',
    history: `
      lease 7 of 5 s: granted 100
      keys 7: a from 300
      keys 7: a b from 900
      keys 7: b from 1100
      50-110 grant 7 for 5 -> 7 for 5
      850-1000 left 7 with keys -> 4 of 5: {a b|b|a c|}`,
    bad: {
      'those of later': 'it was never like that meanwhile',
      others: 'it was never like that meanwhile',
      none: 'it was never like that meanwhile',
    },
  },
  {
    good: 'a member lists the leases of some moment, of the past as well',
    history: `
      lease 7 of 50 s: granted 100
      lease 8 of 50 s: granted 300
      50-110 grant 7 for 50 -> 7 for 50
      250-310 grant 8 for 50 -> 8 for 50
      listed 7 at revision 1 from 100
      listed 7 8 at revision 1 from 300
      {850-1000|850-1000|150-200} list at revision {1|2|1} -> {7|7|7 8}`,
    bad: {
      'those of another revision': 'these were never the leases of a member',
      'those of the future': 'these were never the leases of a member',
    },
  },
  {
    good: 'a put is refused because its lease is not there',
    history: `
      lease 7 of 5 s: granted 100, revoked {900|1100} in term 1
      50-110 grant 7 for 5 -> 7 for 5
      800-1200 revoke 7 -> ?
      850-1000 put a under 7 -> LEASE_NOT_FOUND`,
    bad: { 'it is there': 'its leases were there all the time' },
  },
]);
