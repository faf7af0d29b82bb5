/** A subcommand: one file each, listed in main.ts. */
export type Command = {
  name: string;
  /** One line for the list of commands. */
  summary: string;
  /** Synopsis, options and examples, as `help NAME` shows them. */
  usage: string;
  /** Resolves to the exit code. Throws `OperatorError` for what whoever typed it can mend. */
  run: (args: string[]) => Promise<number>;
};

/** Exit codes. */
export const OK = 0;
export const FAILED = 1;

/** What went wrong and what to do about it, in words for whoever typed the command. */
export class OperatorError extends Error {}

/** Results go to stdout, so that they can be piped; everything else goes to stderr. */
export const printJson = (value: unknown): void => console.log(JSON.stringify(value, null, 2));

/** What is at the bottom of an error, in one line. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return reasonOf(error.cause);
  // gRPC wraps what the operating system said.
  const wrapped = /Last error: (?:Error: )?(.*?)\. Resolution note/.exec(error.message)?.[1];
  return wrapped ?? error.message.split('\n')[0]!;
}
