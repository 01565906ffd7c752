import { expect, test } from 'vitest';
import { Frontier } from './frontier.js';
import { Visited, highShare, lowShare } from './visited.js';

test('rows come back as they were pushed, also across chunks', () => {
  const frontier = new Frontier();
  const rows = 300_000;
  for (let number = 0; number < rows; number += 1)
    frontier.push(Int32Array.from([number, 7, 7, 7, 7, 7]), 2 + (number % 5));
  expect(frontier.length).toBe(rows);
  let seen = 0;
  let wrong = 0;
  frontier.drain((row) => {
    if (row[0] !== seen || row.length !== 2 + (seen % 5)) wrong += 1;
    seen += 1;
    return true;
  });
  expect({ seen, wrong, left: frontier.length }).toEqual({ seen: rows, wrong: 0, left: 0 });
});

test('a visit can end the drain', () => {
  const frontier = new Frontier();
  for (let number = 0; number < 10; number += 1) frontier.push(Int32Array.from([number]), 1);
  const seen: number[] = [];
  frontier.drain((row) => seen.push(row[0] ?? -1) < 3);
  expect(seen).toEqual([0, 1, 2]);
});

test('a state is new once', () => {
  const visited = new Visited(1000);
  const bits = (number: number) => [highShare(1, number), lowShare(1, number)] as const;
  for (let number = 0; number < 1000; number += 1) expect(visited.add(...bits(number))).toBe(true);
  for (let number = 0; number < 1000; number += 1) expect(visited.add(...bits(number))).toBe(false);
  expect(visited.add(0, 0)).toBe(true);
  expect(visited.add(0, 0)).toBe(false);
  expect(visited.size).toBe(1001);
});
