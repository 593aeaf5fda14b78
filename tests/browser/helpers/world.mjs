// All that a sign-in needs, on this machine: Microsoft, the server, the pages of two apps, another machine, a browser.
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, createServer as createRelay } from 'node:net';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { startGithub } from './github.mjs';
import { startGoogle } from './google.mjs';
import { startMicrosoft } from './microsoft.mjs';
import { startServer } from './server.mjs';

/** Where the browser finds the server. No name of this machine, so that the server knows no browser by that. */
export const VAULT = 'http://vault.example.test';

/** An app of the same site as the server, and one of another site. */
export const APP = 'http://app.example.test';
export const OTHER_APP = 'http://other-app.test';

/** The first administrator. */
export const ADMIN = { email: 'admin@example.com', password: 'an administrator of the browser tests' };

/** The address of the other machine. */
export const OTHER_ADDRESS = '127.0.0.3';

export async function startWorld({ program, chromium: executablePath, output }) {
  await mkdir(output, { recursive: true });
  const started = [];
  const stop = async () => {
    for (const thing of started.splice(0).reverse()) await thing.stop();
  };
  const start = async (starting) => {
    const thing = await starting;
    started.push(thing);
    return thing;
  };
  try {
    const microsoft = await start(startMicrosoft(`${VAULT}/v1/auth/redirect`));
    const back = [`${VAULT}/v1/auth/redirect`, `${VAULT}/rbac/api/auth/oauth/google/callback`];
    const google = await start(startGoogle(back));
    const github = await start(startGithub());
    const environment = {
      PUBLIC_URL: VAULT,
      CORS_ALLOWED_ORIGINS: `${APP},${OTHER_APP}`,
      ADMIN_EMAIL: ADMIN.email,
      ADMIN_PASSWORD: ADMIN.password,
      ...microsoft.environment,
      ...google.environment,
      ...github.environment,
    };
    const server = await start(startServer(program, environment, join(output, 'server.log')));
    const app = await start(listen(createServer(await page(VAULT))));
    const other = await start(listen(createRelay((client) => relay(client, server.port))));
    const names = { 'vault.example.test': server.port, 'app.example.test': app.port, 'other-app.test': app.port };
    const browser = await start(startBrowser(executablePath, names));
    return { microsoft, server, browser, output, otherMachine: `http://127.0.0.1:${other.port}`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The example page, which is told where the server is. */
async function page(api) {
  const file = await readFile(new URL('../clients/page.html', import.meta.url), 'utf8');
  const html = file.replace('http://127.0.0.1:3000', api);
  return (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(html);
}

async function listen(server) {
  const sockets = new Set();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const stop = () => {
    sockets.forEach((socket) => socket.destroy());
    return new Promise((stopped) => server.close(stopped));
  };
  return { port: server.address().port, stop };
}

/** What comes in here reaches the server from the other machine's address. */
function relay(client, port) {
  const server = connect({ host: '127.0.0.1', port, localAddress: OTHER_ADDRESS });
  client.pipe(server).pipe(client);
  client.on('error', () => server.destroy());
  server.on('error', () => client.destroy());
}

async function startBrowser(executablePath, names) {
  const rules = Object.entries(names).map(([name, port]) => `MAP ${name} 127.0.0.1:${port}`);
  const args = ['--no-sandbox', `--host-resolver-rules=${rules.join(',')}`];
  const browser = await chromium.launch({ executablePath, args });
  return Object.assign(browser, { stop: () => browser.close() });
}
