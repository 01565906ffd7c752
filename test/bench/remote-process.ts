/** A process of its own that answers questions, one at a time: so that what is measured has an event loop to itself. */
import { type ChildProcess, fork } from 'node:child_process';

type Answer = { readonly result: unknown } | { readonly failure: string };

const answerMs = 60_000;

export class RemoteProcess<Question extends { readonly kind: string }> {
  readonly #process: ChildProcess;

  /** `file` calls `serve`. `nodeArgs`: flags of Node.js, besides those of this process. */
  constructor(file: string, nodeArgs: readonly string[] = []) {
    this.#process = fork(file, { serialization: 'advanced', execArgv: [...process.execArgv, ...nodeArgs] });
  }

  ask<T>(question: Question): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => settle({ failure: `no answer within ${answerMs} ms` }), answerMs);
      const exited = (): void => settle({ failure: 'the process has ended' });
      const settle = (answer: Answer): void => {
        clearTimeout(timer);
        this.#process.off('message', settle);
        this.#process.off('exit', exited);
        if ('failure' in answer) reject(new Error(`no valid figure: ${question.kind}: ${answer.failure}`));
        else resolve(answer.result as T);
      };
      this.#process.on('message', settle);
      this.#process.on('exit', exited);
      this.#process.send(question);
    });
  }

  end(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.#process.kill(signal);
  }
}

/** Answers the questions of the process that started this one. Returns what tells that nothing is valid any more. */
export function serve<Question>(answer: (question: Question) => Promise<unknown>): (reason: string) => void {
  const send = (told: Answer): void => void process.send?.(told);
  const fail = (reason: string): void => send({ failure: reason });
  process.on('message', (question: Question) => {
    void answer(question).then(
      (result) => send({ result }),
      (error: unknown) => fail(String(error)),
    );
  });
  process.on('uncaughtException', (error) => fail(error.message));
  // Also when the one that asks has crashed.
  process.on('disconnect', () => process.exit());
  return fail;
}
