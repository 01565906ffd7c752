/** Violations, of which one that shows up in thousands of reads is told once. */
export class Findings {
  readonly #messages = new Map<string, string>();

  /** Keeps the first message about a subject. */
  add(subject: string, message: () => string): void {
    if (!this.#messages.has(subject)) this.#messages.set(subject, message());
  }

  get messages(): readonly string[] {
    return [...this.#messages.values()];
  }
}
