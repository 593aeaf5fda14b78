// The example client of the command line, run as it is.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../clients/sign_in.mjs', import.meta.url));

/** Starts it against the server at `api`, and resolves when it has said where to go, and which number it is. */
export async function startCommandLine(test, api) {
  const client = spawn(process.execPath, [PROGRAM, api], { stdio: ['ignore', 'pipe', 'inherit'] });
  test.after(() => client.kill());
  let said = '';
  const ended = once(client, 'close').then(([code]) => ({ code, said: said.trim().split('\n').pop() }));
  const asked = new Promise((resolve) => {
    client.stdout.setEncoding('utf8').on('data', (text) => {
      said += text;
      const found = /(http\S+)\s[^]*number, it is (\d\d)\./.exec(said);
      if (found) resolve({ uri: found[1], number: found[2], key: new URL(found[1]).searchParams.get('state') });
    });
  });
  const begun = await Promise.race([asked, ended]);
  if (!begun.uri) throw new Error(`the client ended: ${said}`);
  return { ...begun, ended };
}
