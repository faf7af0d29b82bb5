import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PROCESSES, SERVERS, processOf, variablesOf, type ProcessName } from './system.ts';

const NAMES = Object.keys(PROCESSES) as ProcessName[];
const read = (file: string) => readFileSync(join(import.meta.dirname, '..', file), 'utf8');

test('each process asks for the variables that are said to be its own', () => {
  for (const name of NAMES.filter((each) => each !== 'web')) {
    const asked = [...read(processOf(name).entry).matchAll(/environmentOf\('([\w-]+)'\)/g)];
    assert.equal(
      asked.map(([, each]) => each),
      [name],
    );
  }
  // Kit asks for those of its own server, and for what web/src/env.ts says.
  const ofKit = ['HOST', 'PORT', 'PROTOCOL_HEADER', 'HOST_HEADER'];
  const ofWeb = [...read('web/src/env.ts').matchAll(/^ {2}([A-Z_]+): \{ schema/gm)];
  assert.equal(
    variablesOf('web').toSorted(),
    [...ofKit, ...ofWeb.map(([, each]) => each!)].toSorted(),
  );
});

test('a process knows where a server is if, and only if, it needs it', () => {
  for (const name of NAMES) {
    const { needs, variables } = processOf(name);
    for (const [server, variable] of Object.entries(SERVERS)) {
      const isNeeded = needs.some((need) => need === server);
      assert.is(variables.includes(variable), isNeeded, `${name}: ${server}`);
    }
  }
});

test.run();
