import { unavailable } from '../../platform/http.ts';

/** Commands to one stream that wait for the append before theirs; more are refused. */
const MAX_QUEUED_COMMANDS = 1_000;
/** Commands to one stream that are appended together. */
const MAX_BATCH_COMMANDS = 100;

/**
 * Commands by the stream that they are for: one batch of a stream is worked on at a time, and what
 * comes meanwhile makes up the next one.
 */
export class CommandQueue<Command> {
  readonly #queues = new Map<string, Command[]>();

  /**
   * Rejects with what `work` throws, and with a `Problem`, 503, when too much waits. Resolves when
   * somebody works on the stream, or has.
   */
  async add(
    stream: string,
    command: Command,
    work: (batch: Command[]) => Promise<void>,
  ): Promise<void> {
    const queue = this.#queues.get(stream);
    if (queue && queue.length >= MAX_QUEUED_COMMANDS) {
      throw unavailable('BUSY', 'Too much waits here: try again with the same key.');
    }
    if (queue) {
      queue.push(command);
      return;
    }
    const commands = [command];
    this.#queues.set(stream, commands);
    while (commands.length > 0) await work(commands.splice(0, MAX_BATCH_COMMANDS));
    this.#queues.delete(stream);
  }
}
