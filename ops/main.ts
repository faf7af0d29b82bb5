import { UnknownEventVersion } from '../engine/upcast.ts';
import { isPostgresUnavailable } from '../platform/postgres.ts';
import { FAILED, OK, OperatorError, reasonOf, type Command } from './command.ts';
import { loadLocalEnvironment } from './environment.ts';
import * as eventLog from './event-log.ts';
import { table } from './format.ts';
import * as importFile from './import.ts';
import * as pass from './pass.ts';
import * as prove from './prove.ts';
import * as replay from './replay.ts';
import * as shipLogs from './ship-logs.ts';
import * as status from './status.ts';
import { isEventStoreUnavailable } from '../platform/connection.ts';

const COMMANDS: Command[] = [status, replay, prove, importFile, pass, eventLog, shipLogs];

const HELP = `Usage: npm run ops -- COMMAND [options]

${table([
  ...COMMANDS.map(({ name, summary }) => [`  ${name}`, summary]),
  ['  help', 'what a command does, with examples: npm run ops -- help COMMAND'],
]).join('\n')}

Variables that are not set are taken from the system that runs on this machine, if one does:
DATA_DIR/doorstep.env, DATA_DIR being .data unless it is set.
Exit code 0: done. 1: not done, or something is wrong.`;

const isHelp = (arg: string | undefined): boolean => arg === '--help' || arg === '-h';

function find(name: string): Command {
  const command = COMMANDS.find((each) => each.name === name);
  if (command) return command;
  const names = COMMANDS.map((each) => each.name).join(', ');
  throw new OperatorError(
    `There is no command "${name}". There are ${names}. See: npm run ops -- --help`,
  );
}

async function main([name, ...args]: string[]): Promise<number> {
  if (isHelp(name) || (name === 'help' && args.length === 0)) {
    console.log(HELP);
    return OK;
  }
  if (name === undefined) throw new OperatorError(HELP);
  if (name === 'help' || args.some(isHelp)) {
    console.log(find(name === 'help' ? args[0]! : name).usage);
    return OK;
  }
  const command = find(name);
  loadLocalEnvironment();
  try {
    return await command.run(args);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!code.startsWith('ERR_PARSE_ARGS')) throw error;
    throw new OperatorError(`${(error as Error).message}\nSee: npm run ops -- help ${name}`);
  }
}

/** What a file or a folder refuses. */
const FILE_ERRORS: Record<string, string> = {
  ENOSPC: 'The disk is full',
  EDQUOT: 'The disk quota is used up',
  EROFS: 'The file system is read-only',
  EACCES: 'This user has no right to it',
  EPERM: 'This user has no right to it',
  ENOENT: 'There is no such file or folder',
  ENOTDIR: 'Part of the path is not a folder',
  EISDIR: 'It is a folder, and not a file',
  EEXIST: 'There is something else of that name',
  EMFILE: 'Too many files are open',
};

/** What whoever typed the command should read; a stack only where we did not foresee it. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof OperatorError || error instanceof UnknownEventVersion) return error.message;
  if (isPostgresUnavailable(error)) return `Postgres does not answer: ${reasonOf(error)}`;
  if (isEventStoreUnavailable(error)) return `The event store does not answer: ${reasonOf(error)}`;
  const code = 'code' in error ? String(error.code) : '';
  const fileError = Object.hasOwn(FILE_ERRORS, code) ? FILE_ERRORS[code] : undefined;
  if (fileError !== undefined) return `${fileError}: ${reasonOf(error)}`;
  return error.stack ?? error.message;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(explain(error));
  process.exitCode = FAILED;
}
