/**
 * Golden stories: test/testdata/raft/*.txt run on the real core, and print what they always printed. With
 * QUORATE_REWRITE=1 the files are written anew instead; the diff is what a reviewer reads.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type StoryBlock, parseStory, renderStory } from './story-file.js';
import { Story } from './story.js';

const FOLDER = new URL('../testdata/raft/', import.meta.url);
const isRewriting = process.env['QUORATE_REWRITE'] === '1';
const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.txt'))
  .sort();

function runBlock(story: Story, name: string, block: StoryBlock): readonly string[] {
  try {
    return story.run(block.commands);
  } catch (error) {
    throw new Error(`${name}:${block.line}`, { cause: error });
  }
}

describe('stories', () => {
  test('there are stories to run', () => {
    expect(names.length).toBeGreaterThanOrEqual(40);
  });

  test.each(names)('%s', (name) => {
    const path = new URL(name, FOLDER);
    const text = readFileSync(path, 'utf8');
    const file = parseStory(text);
    const story = new Story();
    const outputs = file.blocks.map((block) => runBlock(story, name, block));
    const rendered = renderStory(file, outputs);
    if (isRewriting) writeFileSync(path, rendered);
    else expect(rendered, name).toBe(text);
  });
});
