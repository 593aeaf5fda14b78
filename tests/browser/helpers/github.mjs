// GitHub, as its documents say: OAuth without an ID token, errors with status 200, and an API that is asked who it is.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { application, choose, form } from './provider.mjs';

const CLIENT = application('Iv1.0123456789abcdef');

const person = (id, name, verified, isRevoked = false) => {
  const login = name.toLowerCase().replace(' ', '-');
  const emails = [{ email: `${login}@example.net`, primary: true, verified, visibility: 'private' }];
  return { user: { id, login, name, avatar_url: 'https://avatars.example.net/1' }, emails, isRevoked };
};

/** Who can sign in there, by the name on the button. */
const PEOPLE = {
  'Mona Octo': person(583231, 'Mona Octo', true),
  'Una Verified': person(583232, 'Una Verified', false),
  'Reva Voked': person(583233, 'Reva Voked', true, true),
};

export async function startGithub() {
  const codes = new Map();
  const tokens = new Map();
  const json = (response, body, status = 200) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

  async function authorize(url, request, response) {
    if (request.method === 'GET') return choose(response, 'GitHub', Object.keys(PEOPLE));
    const { redirect_uri: back, state, code_challenge: challenge } = Object.fromEntries(url.searchParams);
    const code = randomBytes(10).toString('hex');
    codes.set(code, { challenge, person: PEOPLE[(await form(request)).get('who')] });
    return response.writeHead(302, { location: `${back}?code=${code}&state=${state}` }).end();
  }

  async function token(request, response) {
    const asked = Object.fromEntries(await form(request));
    const given = codes.get(asked.code);
    codes.delete(asked.code);
    const challenge = createHash('sha256').update(asked.code_verifier ?? '').digest('base64url');
    const isRight = asked.client_secret === CLIENT.secret && given?.challenge === challenge;
    if (!isRight) return json(response, { error: 'bad_verification_code', error_description: 'It is incorrect or expired.' });
    const access_token = `gho_${randomBytes(10).toString('hex')}`;
    if (!given.person.isRevoked) tokens.set(access_token, given.person);
    return json(response, { access_token, scope: 'read:user,user:email', token_type: 'bearer' });
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://github.test');
    if (url.pathname === '/login/oauth/authorize') return authorize(url, request, response);
    if (url.pathname === '/login/oauth/access_token') return token(request, response);
    const person = tokens.get(request.headers.authorization?.replace('Bearer ', ''));
    if (!person) return json(response, { message: 'Bad credentials' }, 401);
    return json(response, url.pathname === '/api/user' ? person.user : person.emails);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = `http://127.0.0.1:${server.address().port}`;
  const stop = () => {
    server.closeAllConnections();
    return new Promise((stopped) => server.close(stopped));
  };
  const environment = {
    GITHUB_CLIENT_ID: CLIENT.id,
    GITHUB_CLIENT_SECRET: CLIENT.secret,
    GITHUB_URL: address,
    GITHUB_API_URL: `${address}/api`,
  };
  return { environment, stop };
}
