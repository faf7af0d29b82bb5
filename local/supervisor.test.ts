import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort } from '../platform/free-port.ts';
import { boundLogs, healthy, nodeService } from './service.ts';
import { supervise } from './supervisor.ts';
import type { Service } from './supervisor.ts';
import { within } from '../test/promised-time.ts';
import { untilSo } from '../test/until-so.ts';

/** What the shop promises: it answers again within two seconds. */
const BACK_WITHIN_MS = 2_000;

/** A room: it says who it is, keeps a diary of its starts and ends, and takes its time to close. */
const ROOM = `
import { createServer } from 'node:http';
import { appendFileSync } from 'node:fs';
const note = (what) => appendFileSync(process.env.DIARY, \`\${what} \${process.env.NAME}\\n\`);
note('start');
createServer((_, response) => response.end(String(process.pid))).listen(process.env.PORT, '127.0.0.1');
process.on('SIGTERM', () => setTimeout(() => { note('end'); process.exit(0); }, 30));
`;

type Context = { dir: string; room: string; diary: string };
const test = suite<Context>('supervisor');
test.before.each((context) => {
  context.dir = fs.mkdtempSync(join(tmpdir(), 'doorstep-supervisor-'));
  context.room = join(context.dir, 'room.mjs');
  context.diary = join(context.dir, 'diary');
  fs.writeFileSync(context.room, ROOM);
  fs.writeFileSync(context.diary, '');
});
test.after.each(({ dir }) => fs.rmSync(dir, { recursive: true, force: true }));

type Room = Service & { port: number };

async function createRoom(context: Context, name: string, ...needs: string[]): Promise<Room> {
  const port = await freePort();
  const service = nodeService({
    name,
    needs,
    entry: context.room,
    env: () => ({ PORT: `${port}`, NAME: name, DIARY: context.diary }),
    heapMiB: 64,
    logFile: join(context.dir, `${name}.log`),
    ready: () => healthy(port),
  });
  return { ...service, port };
}

const pidOf = async ({ port }: Room): Promise<number> =>
  Number(await (await fetch(`http://127.0.0.1:${port}`)).text());

const diaryOf = (context: Context): string[] =>
  fs.readFileSync(context.diary, 'utf8').trim().split('\n');

async function untilGone(pid: number): Promise<void> {
  await untilSo(() => !fs.existsSync(`/proc/${pid}`), `process ${pid} has ended`);
}

test('everything starts after what it needs, and ends before it', async (context) => {
  const rooms = await Promise.all([
    createRoom(context, 'door', 'house'),
    createRoom(context, 'house', 'ground'),
    createRoom(context, 'ground'),
  ]);
  const supervisor = supervise(rooms, () => {});
  await supervisor.start();
  for (const room of rooms) assert.ok(await healthy(room.port));
  await Promise.all([supervisor.stop(), supervisor.stop()]);
  assert.equal(diaryOf(context), [
    'start ground',
    'start house',
    'start door',
    'end door',
    'end house',
    'end ground',
  ]);
});

test('a process that dies is back within two seconds, and that is said', async (context) => {
  const room = await createRoom(context, 'room');
  const said: string[] = [];
  const back = Promise.withResolvers<void>();
  const supervisor = supervise([room], (line) => {
    said.push(line);
    if (line.includes('is back')) back.resolve();
  });
  await supervisor.start();
  const pid = await pidOf(room);
  const killedAt = Date.now();
  process.kill(pid, 'SIGKILL');
  await back.promise;
  within(BACK_WITHIN_MS, Date.now() - killedAt, 'a process that died is back');
  assert.is.not(await pidOf(room), pid);
  assert.match(said[0]!, /^room stopped by itself \(SIGKILL\): starting it again$/);
  assert.match(said[1]!, /^room is back after \d\.\d s$/);
  await supervisor.stop();
  assert.is(said.length, 2, 'an end that was asked for is no news');
});

test('a stop says what it waits for, and ends what does not listen', async (context) => {
  const deaf = `${ROOM}if (process.env.NAME === 'deaf') process.removeAllListeners('SIGTERM').on('SIGTERM', () => {});`;
  fs.writeFileSync(context.room, deaf);
  const rooms = await Promise.all([
    createRoom(context, 'deaf', 'ground'),
    createRoom(context, 'ground'),
  ]);
  const said: string[] = [];
  const bounds = { patienceMs: 500, sayEveryMs: 100 };
  const supervisor = supervise(rooms, (line) => said.push(line), bounds);
  await supervisor.start();
  await supervisor.stop();
  assert.is(said[0], 'waiting for deaf, ground');
  for (const room of rooms) assert.not.ok(await healthy(room.port));
});

test('a service that never comes up is named, and the rest can be stopped', async (context) => {
  fs.writeFileSync(context.room, `${ROOM}if (process.env.NAME === 'broken') process.exit(3);`);
  const rooms = [await createRoom(context, 'sound'), await createRoom(context, 'broken')];
  const supervisor = supervise(rooms, () => {});
  const failure = await supervisor.start().catch((error: Error) => error.message);
  assert.is(failure, 'broken does not start: exit code 3');
  await supervisor.stop();
  assert.not.ok(await healthy(rooms[0]!.port));
});

test('a stop while things are still starting leaves nothing behind', async (context) => {
  const rooms = await Promise.all([
    createRoom(context, 'ground'),
    createRoom(context, 'house', 'ground'),
  ]);
  const supervisor = supervise(rooms, () => {});
  const started = supervisor.start().catch((error: Error) => error.message);
  await supervisor.stop();
  assert.match(String(await started), 'was stopped');
  for (const room of rooms) assert.not.ok(await healthy(room.port));
});

test('no process outlives a supervisor that was killed', async (context) => {
  const port = await freePort();
  const owner = spawn(
    process.execPath,
    [
      '--input-type=module-typescript',
      '--eval',
      `const { nodeService } = await import(process.env.SERVICE_MODULE);
       const env = () => ({ PORT: process.env.PORT });
       const options = { name: 'room', needs: [], env, heapMiB: 64, ready: async () => true };
       await nodeService({ ...options, entry: process.env.ROOM, logFile: process.env.LOG }).launch();`,
    ],
    {
      env: {
        ...process.env,
        SERVICE_MODULE: new URL('service.ts', import.meta.url).href,
        ROOM: context.room,
        LOG: join(context.dir, 'room.log'),
        PORT: `${port}`,
        NAME: 'room',
        DIARY: context.diary,
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  await untilSo(() => healthy(port), 'it is ready');
  const pid = Number(await (await fetch(`http://127.0.0.1:${port}`)).text());
  owner.kill('SIGKILL');
  await untilGone(pid);
});

test('a log that grew too long is set aside', (context) => {
  const file = join(context.dir, 'long.log');
  fs.writeFileSync(file, Buffer.alloc(9 * 1024 * 1024, 'x'));
  boundLogs([file, join(context.dir, 'none.log')]);
  assert.is(fs.statSync(file).size, 0);
  assert.is(fs.statSync(`${file}.old`).size, 9 * 1024 * 1024);
});

/** `npm start` with these variables: what it says, and how it ends. */
function startMain(env: NodeJS.ProcessEnv) {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, '--no-demo'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => (output += `${line}\n`));
  }
  return once(child, 'close').then(([code]) => ({ code: Number(code), output }));
}

test('a port that is taken is named before anything is started', async (context) => {
  const server = (await import('node:net')).createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? `${address?.port}` : '';
  const { code, output } = await startMain({ PORT: port, DATA_DIR: join(context.dir, 'data') });
  server.close();
  assert.is(code, 1);
  assert.match(output, `Port ${port} is taken by another program.`);
  assert.not.ok(fs.existsSync(join(context.dir, 'data/postgres')));
});

test('a folder in which another system runs is refused, until that one ended', async (context) => {
  const holder = spawn(
    process.execPath,
    [
      '--input-type=module-typescript',
      '--eval',
      `const { tryLock } = await import(process.env.LOCK_MODULE);
       tryLock(process.env.FILE);
       console.log('locked');
       setInterval(() => {}, 1000);`,
    ],
    {
      env: {
        ...process.env,
        LOCK_MODULE: new URL('lock.ts', import.meta.url).href,
        FILE: join(context.dir, 'lock'),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await once(holder.stdout, 'data');
  const { code, output } = await startMain({
    PORT: `${await freePort()}`,
    DATA_DIR: context.dir,
  });
  assert.is(code, 1);
  assert.match(output, `process ${holder.pid}`);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  const { tryLock } = await import('./lock.ts');
  const taken = tryLock(join(context.dir, 'lock'));
  assert.ok(taken, 'the kernel gave it back');
  taken.release();
});

test.run();
