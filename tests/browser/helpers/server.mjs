// The real server, with a private PostgreSQL in a folder that goes with it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, rmSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Starts the program, and knows the port that it listens at. Its log is kept in `output`. */
export async function startServer(program, environment, output) {
  const folder = await mkdtemp(join(tmpdir(), 'ttscm-browser-'));
  // as root the database runs as somebody else, who must be able to enter
  await chmod(folder, 0o755);
  const { PATH, HOME } = process.env;
  const own = { DATA_DIR: join(folder, 'data'), BIND_ADDRESS: '127.0.0.1:0', LOG_FORMAT: 'json' };
  const env = { PATH, HOME, ...own, ...environment };
  const server = spawn(program, { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(server, 'close');
  const errors = [];
  // whatever ends the tests ends the server
  process.once('exit', () => {
    server.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });

  const stop = async () => {
    server.kill('SIGTERM');
    const impatience = setTimeout(() => server.kill('SIGKILL'), 20_000);
    await ended;
    clearTimeout(impatience);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const port = await Promise.race([ready(server, output, errors), ended.then(() => undefined)]);
    if (!port) throw new Error(`the server did not start: see ${output}`);
    return { port, errors, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Keeps the log, collects its errors, and resolves to the port when the server is ready. */
function ready(server, output, errors) {
  const log = createWriteStream(output);
  return new Promise((resolve) => {
    createInterface({ input: server.stderr }).on('line', (line) => {
      log.write(`${line}\n`);
      const { level, message, address } = line.startsWith('{') ? JSON.parse(line) : {};
      if (level === 'ERROR') errors.push(line);
      if (message === 'ready') resolve(Number(address.split(':').pop()));
    });
  });
}
