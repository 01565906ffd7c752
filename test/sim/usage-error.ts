/** What was asked for cannot be done as it was said: all problems, one on a line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
