// Looking at a page as people do: in light and dark, on a desktop and a phone, and with a screen reader's eyes.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

/** The narrowest screen on which nothing may be cut off, in pixels (WCAG 2.2, 1.4.10). */
const NARROW = 320;

/** The smallest button that a finger hits well, in pixels. */
const FINGER = 44;

/** A browser of somebody's own, which must not hear of a broken policy or script. `complaints` has what it heard. */
export async function visit(world, options = {}) {
  const context = await world.browser.newContext(options);
  const complaints = [];
  context.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) complaints.push(message.text());
  });
  context.on('weberror', (error) => complaints.push(String(error.error())));
  context.setDefaultTimeout(10_000);
  return { context, complaints, page: await context.newPage() };
}

/** Takes pictures of a page called `name`, and checks that everything on it can be seen, read and hit. */
export async function look(world, page, name) {
  await page.evaluate(axe);
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.setViewportSize(viewport);
      const picture = `${name}-${size}-${colorScheme}`;
      await page.screenshot({ path: join(world.output, `${picture}.png`), fullPage: true });
      assert.deepEqual(await complaintsOfAxe(page), [], picture);
      await checkButtons(page, picture);
    }
  }
  await page.setViewportSize({ width: NARROW, height: 568 });
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), NARROW, name);
  await page.setViewportSize(SIZES.desktop);
}

async function complaintsOfAxe(page) {
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  return violations.map(({ id, help, nodes }) => [id, help, nodes.map((node) => node.html)]);
}

async function checkButtons(page, picture) {
  for (const button of await page.getByRole('button').all()) {
    const box = await button.boundingBox();
    assert.ok(box.width >= FINGER && box.height >= FINGER, `${picture}: a button of ${JSON.stringify(box)}`);
  }
}
