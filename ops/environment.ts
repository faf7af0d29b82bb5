import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { loadEnvFile } from 'node:process';
import { environment, type VariableName } from '../platform/env.ts';
import { OperatorError } from './command.ts';

/** Written by `npm start` for as long as it runs. */
const FILE_NAME = 'doorstep.env';
const DEFAULT_DATA_DIR = '.data';

const dataDir = (): string => process.env.DATA_DIR || DEFAULT_DATA_DIR;
const localFile = (): string => join(dataDir(), FILE_NAME);

/** Where the processes of the system on this machine write what they have to say. */
export const logsFolder = (): string => join(dataDir(), 'logs');

/** Takes what is not set already from the system that runs on this machine, where one does. */
export function loadLocalEnvironment(): void {
  if (existsSync(localFile())) loadEnvFile(localFile());
}

/** The named variables, validated. Throws an `OperatorError` that says what to set. */
export function required<Name extends VariableName>(...names: Name[]): Record<Name, string> {
  try {
    return environment(...names);
  } catch (error) {
    const file = relative('.', localFile());
    throw new OperatorError(
      `${(error as Error).message}\n` +
        `Set them, or start the system on this machine (npm start), which writes ${file}.`,
    );
  }
}

/** A variable that a command can do without; validated where it is set. */
export const optional = (name: VariableName): string | undefined =>
  process.env[name] ? required(name)[name] : undefined;
