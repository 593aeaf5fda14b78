// A tenant of Microsoft Entra ID, played by a certified OpenID Connect provider, and Microsoft Graph.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const TENANT = '66666666-7777-8888-9999-000000000000';
const CLIENT = { id: '11111111-2222-3333-4444-555555555555', secret: randomBytes(24).toString('base64url') };
const ISSUER_PATH = `/${TENANT}/v2.0`;
const GRAPH_PATH = '/graph/v1.0';

/** One pixel of blue. */
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

const person = (name, tid, oid) => {
  const address = `${name.toLowerCase().replace(' ', '.')}@example.com`;
  return { name, tid, oid, preferred_username: address, email: address };
};

/** Who can sign in there, by the name on the button. */
const PEOPLE = {
  'Jane Doe': person('Jane Doe', TENANT, 'aaaaaaaa-0000-4000-8000-000000000001'),
  'John Roe': person('John Roe', 'bbbbbbbb-7777-8888-9999-000000000000', 'aaaaaaaa-0000-4000-8000-000000000002'),
};

/** What the provider is to do, much as Microsoft does it. */
const configuration = (redirectUri) => ({
  clients: [{
    client_id: CLIENT.id,
    client_secret: CLIENT.secret,
    redirect_uris: [redirectUri],
    token_endpoint_auth_method: 'client_secret_basic',
  }],
  claims: { openid: ['sub', 'oid', 'tid'], profile: ['name', 'preferred_username'], email: ['email'] },
  scopes: ['openid', 'profile', 'email', 'User.Read'],
  conformIdTokenClaims: false,
  cookies: { keys: [randomBytes(24).toString('base64url')] },
  jwks: { keys: [signingKey()] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `${ISSUER_PATH}/interaction/${interaction.uid}` },
  findAccount: (_, name) => ({ accountId: name, claims: () => ({ sub: name, ...PEOPLE[name] }) }),
  ttl: { AccessToken: 3600, AuthorizationCode: 60, Grant: 3600, IdToken: 3600, Interaction: 600, Session: 600 },
  // an administrator of the tenant has consented for everybody
  async loadExistingGrant({ oidc }) {
    const grant = new oidc.provider.Grant({ clientId: CLIENT.id, accountId: oidc.session.accountId });
    grant.addOIDCScope('openid profile email User.Read');
    await grant.save();
    return grant;
  },
});

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' };
}

/** Starts it. `away` makes it drop every connection while it is true. */
export async function startMicrosoft(redirectUri) {
  const microsoft = { away: false };
  const server = createServer((request, response) => {
    if (microsoft.away) return request.destroy();
    answer(provider, request, response).catch((error) => response.writeHead(500).end(String(error)));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(address + ISSUER_PATH, configuration(redirectUri));
  microsoft.environment = {
    MICROSOFT_CLIENT_ID: CLIENT.id,
    MICROSOFT_CLIENT_SECRET: CLIENT.secret,
    MICROSOFT_TENANT_ID: TENANT,
    MICROSOFT_ISSUER_URL: address + ISSUER_PATH,
    MICROSOFT_GRAPH_URL: address + GRAPH_PATH,
  };
  microsoft.stop = () => {
    server.closeAllConnections();
    return new Promise((stopped) => server.close(stopped));
  };
  return microsoft;
}

async function answer(provider, request, response) {
  if (request.url.startsWith(`${ISSUER_PATH}/interaction/`)) return interact(provider, request, response);
  if (request.url.startsWith(GRAPH_PATH)) return graph(provider, request, response);
  if (!request.url.startsWith(ISSUER_PATH)) return response.writeHead(404).end();
  request.originalUrl = request.url;
  request.url = request.url.slice(ISSUER_PATH.length);
  return provider.callback()(request, response);
}

/** The page on which a person says who they are. */
async function interact(provider, request, response) {
  if (request.method === 'GET') {
    const buttons = [...Object.keys(PEOPLE), 'Cancel'].map((name) => `<button name="who" value="${name}">${name}</button>`);
    const page = `<!doctype html><title>Microsoft</title><form method="post">${buttons.join(' ')}</form>`;
    return response.writeHead(200, { 'content-type': 'text/html' }).end(page);
  }
  const body = Buffer.concat(await request.toArray()).toString();
  const who = new URLSearchParams(body).get('who');
  const cancelled = { error: 'access_denied', error_description: '<script>alert("not ours")</script>' };
  const result = PEOPLE[who] ? { login: { accountId: who } } : cancelled;
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

/** Microsoft Graph has a picture of everybody, for those with their token. */
async function graph(provider, request, response) {
  const token = request.headers.authorization?.replace('Bearer ', '');
  const isPicture = request.url === `${GRAPH_PATH}/me/photos/96x96/$value`;
  if (!isPicture || !(await provider.AccessToken.find(token ?? ''))) return response.writeHead(404).end();
  return response.writeHead(200, { 'content-type': 'image/png' }).end(PICTURE);
}
