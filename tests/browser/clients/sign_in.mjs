// Signs in with Microsoft from a command line: node sign_in.mjs [the server's address]. Node.js 22 or newer.
import { createHash, randomBytes } from 'node:crypto';
import { type } from 'node:os';

const api = process.argv[2] ?? 'http://127.0.0.1:3000';

// binds the tokens to this process: nobody else can show the verifier of the challenge
const codeVerifier = randomBytes(32).toString('base64url');
const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url');

// by which the page that asks for the number says what app it is that waits
const headers = { 'user-agent': `ttscm-example/1.0 (${type()})` };
const begun = await (await fetch(`${api}/v1/auth/uri?codeChallenge=${codeChallenge}`, { headers })).json();
if (!begun.successful) throw new Error(begun.message);
const { uri, callbackKey, matchCode } = begun.data;

const socket = new WebSocket(`${api.replace('http', 'ws')}/v1/auth/callback?callbackKey=${callbackKey}`);
socket.onmessage = async (message) => {
  const { event, message: text, data } = JSON.parse(message.data);
  if (event === 'auth.verify') {
    socket.send(JSON.stringify({ codeVerifier }));
  } else if (event === 'auth.pending') {
    console.log(`Open this address in a browser:\n\n  ${uri}\n\nIf it asks for a number, it is ${matchCode}.`);
  } else if (event === 'auth.tokens') {
    const authorization = `Bearer ${data.accessToken}`;
    const { data: me } = await (await fetch(`${api}/v1/user/@me`, { headers: { authorization } })).json();
    console.log(`Signed in as ${me.name} (${me.login}).`);
  } else {
    console.log(`${event}: ${text}`);
    process.exitCode = 1;
  }
};
