/** A cluster set up with the commands of the golden stories, for tests that then look at it themselves. */
import type { RaftStatus } from '../../server/raft/raft.js';
import type { Message, NodeId } from '../../server/raft/types.js';
import type { RaftCluster } from './raft-cluster.js';
import { Story } from './story.js';

export class Scene {
  readonly #story = new Story();

  /** `commands` holds one command a line. A broken invariant is an error. */
  constructor(commands: string) {
    this.run(commands);
  }

  get cluster(): RaftCluster {
    return this.#story.cluster;
  }

  /** What the commands print. */
  run(commands: string): readonly string[] {
    const lines = commands
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
    const output = this.#story.run(lines);
    const stop = output.find((line) => line.startsWith('stops:'));
    if (stop !== undefined) throw new Error(stop);
    return output;
  }

  status(id: NodeId): RaftStatus {
    return this.cluster.status(id);
  }

  /** `role/term` of every running member, in order of their ids. */
  roles(): readonly string[] {
    return this.cluster.running.map((id) => `${this.status(id).role}/${this.status(id).term}`);
  }

  /** The terms of the log of `id` behind its start. */
  terms(id: NodeId): readonly (number | undefined)[] {
    const { startIndex, lastIndex } = this.status(id);
    const raft = this.cluster.raft(id);
    return Array.from({ length: lastIndex - startIndex }, (_, place) => raft.termAt(startIndex + 1 + place));
  }

  /** The terms of everything `id` applied in this life. */
  applied(id: NodeId): readonly string[] {
    return this.cluster.applied(id).map((entry) => `${entry.term}/${entry.index}`);
  }

  /** Messages of one type under way. */
  underWay<T extends Message['type']>(type: T): readonly Extract<Message, { type: T }>[] {
    return this.cluster.network.filter((message): message is Extract<Message, { type: T }> => message.type === type);
  }
}
