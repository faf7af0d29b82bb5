import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort } from '../platform/free-port.ts';
import { watchedService } from './dev.ts';
import { healthy } from './service.ts';
import { supervise } from './supervisor.ts';
import { within } from '../test/promised-time.ts';
import { untilSo } from '../test/until-so.ts';

const ROOT = join(import.meta.dirname, '..');
/** What is promised for a change, and what a machine that runs other tests beside it may add. */
const SEEN_WITHIN_MS = 2_000;
const SAID_TIMEOUT_MS = 90_000;

/** The sources that git tracks or would track, in a folder where they may be edited. */
function copySources(dir: string): void {
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  for (const file of files.split('\n').filter((each) => fs.existsSync(join(ROOT, each)))) {
    if (file === '') continue;
    fs.mkdirSync(dirname(join(dir, file)), { recursive: true });
    fs.copyFileSync(join(ROOT, file), join(dir, file));
  }
  fs.symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
}

/** `npm run dev` in such a folder; `said` waits for a line that it prints from now on. */
async function startDev(dir: string) {
  const port = await freePort();
  const child = spawn(process.execPath, [join(dir, 'local/main.ts'), '--dev', '--no-demo'], {
    cwd: dir,
    env: { ...process.env, PORT: `${port}`, DATA_DIR: '', EVENT_STORE_URL: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout);
  const said = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const enough = setTimeout(() => reject(new Error(`never said ${pattern}`)), SAID_TIMEOUT_MS);
      lines.on('line', (line) => {
        if (!pattern.test(line)) return;
        clearTimeout(enough);
        resolve();
      });
    });
  await said(/is open/);
  return { child, url: `http://localhost:${port}`, said };
}

/** The processes whose working folder or command line is in this one. */
const processesIn = (dir: string): string[] =>
  fs.readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return command.includes(dir) || fs.readlinkSync(`/proc/${pid}/cwd`).startsWith(dir);
    } catch (error) {
      if (error instanceof Error && 'code' in error) return false;
      throw error;
    }
  });

function edit(file: string, from: string, to: string): void {
  const text = fs.readFileSync(file, 'utf8');
  assert.ok(text.includes(from), `${file} has ${from}`);
  fs.writeFileSync(file, text.replace(from, to));
}

/** Resolves when an address answers with this text. */
const untilShows = (url: string, text: string): Promise<void> =>
  untilSo(async () => (await (await fetch(url)).text()).includes(text), `${url} shows "${text}"`);

const openStore = (url: string) =>
  fetch(`${url}/api/write/stores`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'development-shop' },
    body: JSON.stringify({ name: 'Meena Kirana', city: 'Pune', pincode: '411001' }),
  });

const test = suite<{ dir: string }>('development');
test.before((context) => {
  context.dir = fs.mkdtempSync(join(tmpdir(), 'doorstep-dev-'));
  // Where root starts it, Postgres is another user.
  fs.chmodSync(context.dir, 0o711);
  copySources(context.dir);
});
test.after(({ dir }) => fs.rmSync(dir, { recursive: true, force: true }));

test('a change of a room or a page is seen within two seconds, and the data stays', async ({
  dir,
}) => {
  const { child, url, said } = await startDev(dir);
  try {
    const opened = await openStore(url);
    assert.is(opened.status, 201);
    const position = opened.headers.get('doorstep-position')!;
    const stores = () =>
      fetch(`${url}/api/read/stores`, { headers: { 'doorstep-position': position } });
    assert.match(await (await stores()).text(), 'Meena Kirana');

    const restarted = said(/^ {2}read-api runs what changed, after/);
    const changedAt = Date.now();
    edit(join(dir, 'read-api/app.ts'), 'Doorstep Groceries: queries', 'Changed: queries');
    await restarted;
    within(SEEN_WITHIN_MS, Date.now() - changedAt, 'a changed room runs');
    const answer = await fetch(`${url}/api/read/openapi.json`);
    assert.match(await answer.text(), 'Changed: queries');
    assert.match(await (await stores()).text(), 'Meena Kirana');

    edit(join(dir, 'web/src/routes/+page.svelte'), "'All shops'", "'Every shop'");
    edit(join(dir, 'web/src/routes/+page.svelte'), "'All shops'", "'Every shop'");
    const editedAt = Date.now();
    await untilShows(url, 'Every shop');
    within(SEEN_WITHIN_MS, Date.now() - editedAt, 'a changed page is shown');
  } finally {
    child.kill('SIGKILL');
  }
  await untilSo(() => processesIn(dir).length === 0, 'nothing outlives the supervisor');
});

/** A room that says what the module beside it says, kept by a supervisor that follows its source. */
async function watchRoom(dir: string) {
  const port = await freePort();
  const part = join(dir, 'part.ts');
  fs.writeFileSync(part, `export const word: string = 'first';\n`);
  fs.writeFileSync(
    join(dir, 'room.ts'),
    `import { createServer } from 'node:http';
     import { word } from './part.ts';
     createServer((_, response) => response.end(word)).listen(process.env.PORT, '127.0.0.1');`,
  );
  const waiting = new Map<RegExp, () => void>();
  const room = watchedService(
    {
      name: 'room',
      needs: [],
      entry: join(dir, 'room.ts'),
      env: () => ({ PORT: `${port}` }),
      heapMiB: 64,
      logFile: join(dir, 'room.log'),
      ready: () => healthy(port),
    },
    (line) => {
      for (const [pattern, heard] of waiting) if (pattern.test(line)) heard();
    },
  );
  return {
    part,
    supervisor: supervise([room], () => {}),
    hears: (pattern: RegExp) => new Promise<void>((resolve) => waiting.set(pattern, resolve)),
    word: async () => (await fetch(`http://127.0.0.1:${port}`)).text(),
  };
}

test('a fault waits for its correction, and a stop ends what runs', async ({ dir }) => {
  const folder = join(dir, 'watched');
  fs.mkdirSync(folder);
  const { part, supervisor, hears, word } = await watchRoom(folder);
  await supervisor.start();
  assert.is(await word(), 'first');

  const ended = hears(/^room ended \(exit code 1\) and waits for a change:[^]*missing\.ts/);
  fs.writeFileSync(part, `import './missing.ts';\nexport const word: string = 'second';\n`);
  await ended;
  const back = hears(/^room runs what changed, after/);
  fs.writeFileSync(join(folder, 'missing.ts'), 'export {};\n');
  await back;
  assert.is(await word(), 'second');

  await supervisor.stop();
  assert.equal(processesIn(folder), []);
});

test.run();
