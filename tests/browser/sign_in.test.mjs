// Signing in with Microsoft, in a real browser.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startCommandLine } from './helpers/command_line.mjs';
import { look, visit } from './helpers/look.mjs';
import { APP, OTHER_ADDRESS, OTHER_APP, VAULT, startWorld } from './helpers/world.mjs';

let world;

before(async () => {
  const { TTSCM: program, CHROMIUM: chromium, OUTPUT: output } = process.env;
  world = await startWorld({ program, chromium, output });
});

after(async () => {
  await world?.stop();
  assert.deepEqual(world?.server.errors, []);
});

/** A browser of somebody's own. */
async function browser(t, options) {
  const visitor = await visit(world, options);
  t.after(async () => {
    await visitor.context.close();
    if (!visitor.mayComplain) assert.deepEqual(visitor.complaints, []);
  });
  return visitor;
}

/** Somebody begins at the command line of another machine, and goes to Microsoft with their browser. */
async function beginElsewhere(t, options) {
  const client = await startCommandLine(t, world.otherMachine);
  const visitor = await browser(t, options);
  await visitor.page.goto(client.uri);
  return { client, ...visitor, visitor };
}

/** The same, as far as the page that asks for the number. */
async function arriveFromElsewhere(t, options) {
  const begun = await beginElsewhere(t, options);
  await press(begun.page, 'Jane Doe');
  await heading(begun.page, 'Which number does the app show?');
  return begun;
}

const press = (page, name) => page.getByRole('button', { name, exact: true }).click();
const heading = (page, name) => page.getByRole('heading', { name, exact: true }).waitFor();
const numbers = (page) => page.getByRole('group').getByRole('button').allInnerTexts();

/** An app's page whose button was pressed, and the window that it opened. */
async function beginInPage(t, address) {
  const { context, page } = await browser(t);
  await page.goto(address);
  const [popup] = await Promise.all([context.waitForEvent('page'), press(page, 'Sign in with Microsoft')]);
  return { page, popup };
}

/** What the page of an app says once it has somebody's tokens and their picture. */
async function isSignedIn(page) {
  await page.getByText('Signed in as Jane Doe.').waitFor();
  assert.match(await page.locator('img').getAttribute('src'), /^data:image\/png;base64,/);
}

test('a page signs in, and its window closes by itself', async (t) => {
  const { page, popup } = await beginInPage(t, APP);
  const closed = popup.waitForEvent('close');
  await press(popup, 'Jane Doe');
  await closed;
  await isSignedIn(page);
});

test('a page of another site has to show the number', async (t) => {
  const { page, popup } = await beginInPage(t, OTHER_APP);
  await press(popup, 'Jane Doe');
  await heading(popup, 'Which number does the app show?');
  await popup.getByText('Chrome on Linux').waitFor();
  const said = await page.getByRole('status').innerText();
  const closed = popup.waitForEvent('close');
  await press(popup, /\d\d/.exec(said)[0]);
  await closed;
  await isSignedIn(page);
});

test('the right number releases the tokens to the command line of another machine', async (t) => {
  const { client, page } = await arriveFromElsewhere(t);
  const offered = await numbers(page);
  assert.equal(offered.length, 3);
  assert.ok(offered.includes(client.number));
  const text = await page.getByRole('main').innerText();
  for (const shown of ['Jane Doe', 'jane.doe@example.com', OTHER_ADDRESS, '“ttscm-example” on Linux']) {
    assert.ok(text.includes(shown), `${shown} in ${text}`);
  }
  await look(world, page, 'confirm');
  await press(page, client.number);
  await heading(page, 'You are signed in');
  await look(world, page, 'signed-in');
  assert.deepEqual(await client.ended, { code: 0, said: 'Signed in as Jane Doe (jane.doe@example.com).' });
});

test('a wrong number ends it, and nobody gets tokens', async (t) => {
  const { client, page } = await arriveFromElsewhere(t);
  await press(page, (await numbers(page)).find((number) => number !== client.number));
  await heading(page, 'You are not signed in');
  await look(world, page, 'wrong-number');
  const said = 'auth.denied: That is not the number that the app shows. Nobody was signed in.';
  assert.deepEqual(await client.ended, { code: 1, said });
});

test('who says that it was not them ends it, and nobody gets tokens', async (t) => {
  const { client, page } = await arriveFromElsewhere(t);
  await press(page, 'This was not me');
  await heading(page, 'You are not signed in');
  await look(world, page, 'not-me');
  const said = 'auth.denied: You said that you did not begin this sign-in. Nobody was signed in.';
  assert.deepEqual(await client.ended, { code: 1, said });
});

test('who cancels at Microsoft is not signed in', async (t) => {
  const { client, page } = await beginElsewhere(t);
  await press(page, 'Cancel');
  await page.getByText('The sign-in was cancelled.').waitFor();
  await look(world, page, 'cancelled');
  assert.deepEqual(await client.ended, { code: 1, said: 'auth.denied: The sign-in was cancelled.' });
});

test('somebody of another tenant is not signed in', async (t) => {
  const { client, page } = await beginElsewhere(t);
  await press(page, 'John Roe');
  await page.getByText('Your organization may not sign in here.').waitFor();
  assert.deepEqual(await client.ended, { code: 1, said: 'auth.denied: Your organization may not sign in here.' });
});

test('where Microsoft is away there is a page that says so, and the client is told', async (t) => {
  const client = await startCommandLine(t, world.otherMachine);
  const { page } = await browser(t);
  world.microsoft.away = true;
  t.after(() => (world.microsoft.away = false));
  const response = await page.goto(`${VAULT}/v1/auth/redirect?code=any&state=${client.key}`);
  assert.equal(response.status(), 502);
  await heading(page, 'You are not signed in');
  await look(world, page, 'microsoft-away');
  const said = 'auth.failed: The provider did not answer as it should. Try again in a while.';
  assert.deepEqual(await client.ended, { code: 1, said });
});

test('an address that is of no sign-in, or was used, leads to a page that says so', async (t) => {
  const { client, page } = await arriveFromElsewhere(t);
  const used = page.url();
  await press(page, client.number);
  await heading(page, 'You are signed in');
  assert.equal((await page.goto(used)).status(), 400);
  await page.getByText('This sign-in has been used already.').waitFor();
  assert.equal((await page.goto(`${VAULT}/v1/auth/redirect?code=any&state=unknown`)).status(), 400);
  await page.getByText('does not belong to a sign-in').waitFor();
  await look(world, page, 'unknown');
});

test('an answer that does not come from our page changes nothing', async (t) => {
  const { client, page, context } = await arriveFromElsewhere(t);
  const other = await context.newPage();
  const form = await page.locator('form').evaluate((form) => form.outerHTML);
  await other.goto(VAULT);
  await other.setContent(form.replace(/(name="token" value=")[^"]*/, '$1guessed'));
  await press(other, client.number);
  await heading(other, 'That did not come from our page');
  await look(world, other, 'not-our-page');
  await press(page, client.number);
  await heading(page, 'You are signed in');
  assert.equal((await client.ended).code, 0);
});

test('all works with JavaScript switched off', async (t) => {
  const { client, page } = await arriveFromElsewhere(t, { javaScriptEnabled: false });
  await press(page, client.number);
  await heading(page, 'You are signed in');
  await page.getByText('You can close this window').waitFor();
  assert.equal((await client.ended).code, 0);
});

test('the keyboard alone is enough', async (t) => {
  const { client, page } = await arriveFromElsewhere(t);
  const focused = () => page.evaluate(() => document.activeElement.textContent);
  for (let steps = 0; (await focused()) !== client.number; steps += 1) {
    assert.ok(steps < 4, 'the number is not reached');
    await page.keyboard.press('Tab');
  }
  await page.screenshot({ path: `${world.output}/focus.png` });
  await page.keyboard.press('Enter');
  await heading(page, 'You are signed in');
  assert.equal((await client.ended).code, 0);
});

test('no script or style but the page\'s own works, and the browser would complain', async (t) => {
  const { page, visitor } = await arriveFromElsewhere(t);
  assert.deepEqual(visitor.complaints, []);
  visitor.mayComplain = true;
  const ran = await page.evaluate(() => {
    const add = (name, text) => document.head.append(Object.assign(document.createElement(name), { textContent: text }));
    add('script', 'document.title = "ours no more"');
    add('style', 'h1 { display: none }');
    return [document.title.includes('ours no more'), getComputedStyle(document.querySelector('h1')).display];
  });
  assert.deepEqual(ran, [false, 'block']);
  assert.equal(visitor.complaints.length, 2);
});
