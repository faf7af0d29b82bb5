import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hasFallback, isVariable } from '../platform/env.ts';
import { PROCESSES, processOf, variablesOf, type ProcessName } from '../platform/system.ts';
import { readSettings, type Settings } from './settings.ts';
import { processEnvironment, services } from './system.ts';

const NAMES = Object.keys(PROCESSES) as ProcessName[];

const test = suite<{ dir: string; settings: Settings }>('system');
test.before(async (context) => {
  context.dir = mkdtempSync(join(tmpdir(), 'doorstep-system-'));
  context.settings = await readSettings({ DATA_DIR: context.dir, LOG_LEVEL: 'warn' });
  Object.assign(context.settings.env, { DATABASE_URL: 'postgres://a', VAULT_URL: 'postgres://b' });
});
test.after(({ dir }) => rmSync(dir, { recursive: true }));

test('each process gets every variable that it reads, and of ours no other', ({ settings }) => {
  for (const name of NAMES) {
    const given = Object.keys(processEnvironment(name, settings));
    const optional = processOf(name).variables.filter(hasFallback);
    const missing = variablesOf(name).filter((each) => !given.includes(each));
    assert.equal(
      missing.filter((each) => !optional.some((one) => one === each)),
      [],
      name,
    );
    const foreign = given.filter((each) => isVariable(each) && !variablesOf(name).includes(each));
    assert.equal(foreign, [], name);
  }
});

test('each process listens at a port of its own, the edge where people look for it', (context) => {
  const { settings } = context;
  const ports = NAMES.map((name) => processEnvironment(name, settings).PORT);
  assert.is(new Set(ports).size, NAMES.length);
  assert.is(processEnvironment('edge', settings).PORT, `${settings.port}`);
});

test('whoever is needed runs', ({ settings }) => {
  const all = services(settings, () => {});
  const names = all.map(({ name }) => name);
  assert.is(new Set(names).size, names.length);
  for (const name of NAMES) assert.ok(names.includes(name));
  const missing = all.flatMap(({ needs }) => needs.filter((need) => !names.includes(need)));
  assert.equal(missing, []);
});

test.run();
