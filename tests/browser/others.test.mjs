// Signing in with Google and GitHub, in a real browser.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { visit } from './helpers/look.mjs';
import { ADMIN, VAULT, startWorld } from './helpers/world.mjs';

let world;
let api;

before(async () => {
  const { TTSCM: program, CHROMIUM: chromium, OUTPUT: output } = process.env;
  world = await startWorld({ program, chromium, output: `${output}/others` });
  api = `http://127.0.0.1:${world.server.port}`;
});

after(async () => {
  await world?.stop();
  assert.deepEqual(world?.server.errors, []);
});

const press = (page, name) => page.getByRole('button', { name, exact: true }).click();
const heading = (page, name) => page.getByRole('heading', { name, exact: true }).waitFor();
const json = async (page) => JSON.parse(await page.locator('body').innerText());

async function browser(t) {
  const { context, page } = await visit(world);
  t.after(() => context.close());
  return page;
}

async function call(path, token, method = 'GET', body) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  return (await (await fetch(api + path, { method, headers, body: body && JSON.stringify(body) })).json()).data;
}

/** The browser begins, and a socket waits for the end. */
async function begin(page, provider) {
  await page.goto(`${VAULT}/v1/auth/uri?provider=${provider}`);
  const { uri, callbackKey } = (await json(page)).data;
  return { uri, ended: wait(callbackKey) };
}

/** The last event at the socket of a sign-in. */
function wait(key) {
  const socket = new WebSocket(`${api.replace('http', 'ws')}/v1/auth/callback?callbackKey=${key}`);
  return new Promise((resolve) => {
    let last;
    socket.onmessage = (message) => (last = JSON.parse(message.data));
    socket.onclose = () => resolve(last);
  });
}

test('a colleague signs in with Google, and is the same person in both contracts', async (t) => {
  const page = await browser(t);
  const { uri, ended } = await begin(page, 'google');
  await page.goto(uri);
  await press(page, 'Ada Lane');
  await heading(page, 'You are signed in');
  const { event, data } = await ended;
  assert.equal(event, 'auth.tokens');
  const me = await call('/v1/user/@me', data.accessToken);
  assert.deepEqual([me.name, me.email], ['Ada Lane', 'ada.lane@workspace.test']);

  const again = await browser(t);
  await again.goto(`${VAULT}/rbac/api/auth/oauth/google`);
  await press(again, 'Ada Lane');
  await again.waitForURL('**/rbac/api/auth/oauth/google/callback**');
  const { success, token, user } = await json(again);
  assert.deepEqual([success, user.id, user.authProvider], [true, me.id, 'google']);
  assert.equal((await call('/v1/user/@me', token)).id, me.id);
});

test('somebody whom nobody vouches for is not signed in with Google', async (t) => {
  const page = await browser(t);
  const { uri, ended } = await begin(page, 'google');
  await page.goto(uri);
  await press(page, 'Sam Poe');
  await page.getByText('There is no account for you here.').waitFor();
  assert.equal((await ended).event, 'auth.denied');
});

test('who has linked their GitHub signs in with it', async (t) => {
  const { accessToken } = await call('/v1/auth/login', null, 'POST', ADMIN);
  const { uri, callbackKey, matchCode } = await call('/v1/auth/identities?provider=github', accessToken, 'POST', {});
  const linked = wait(callbackKey);
  const page = await browser(t);
  await page.goto(uri);
  await press(page, 'Mona Octo');
  await press(page, matchCode);
  await heading(page, 'The sign-in is linked');
  assert.equal((await linked).event, 'auth.completed');

  const { uri: there, ended } = await begin(page, 'github');
  await page.goto(there);
  await press(page, 'Mona Octo');
  await heading(page, 'You are signed in');
  const me = await call('/v1/user/@me', (await ended).data.accessToken);
  assert.deepEqual([me.name, me.email], ['Mona Octo', ADMIN.email]);
});

for (const [name, says, event] of [
  ['Una Verified', 'no verified primary e-mail address', 'auth.denied'],
  ['Reva Voked', 'did not answer as it should', 'auth.failed'],
]) {
  test(`${name} is not signed in with GitHub: ${says}`, async (t) => {
    const page = await browser(t);
    const { uri, ended } = await begin(page, 'github');
    await page.goto(uri);
    await press(page, name);
    await page.getByText(says).waitFor();
    assert.equal((await ended).event, event);
  });
}
