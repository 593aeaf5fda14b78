// A certified OpenID Connect provider, dressed up as somebody's: where people sign in by pressing their name.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

/** The application that a server is there. */
export const application = (id) => ({ id, secret: randomBytes(24).toString('base64url') });

const configuration = ({ path, client, redirectUris, claims, scopes, people }) => ({
  clients: [{
    client_id: client.id,
    client_secret: client.secret,
    redirect_uris: redirectUris,
    token_endpoint_auth_method: 'client_secret_basic',
  }],
  claims,
  scopes,
  conformIdTokenClaims: false,
  cookies: { keys: [randomBytes(24).toString('base64url')] },
  jwks: { keys: [signingKey()] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `${path}/interaction/${interaction.uid}` },
  findAccount: (_, name) => ({ accountId: name, claims: () => ({ sub: name, ...people[name] }) }),
  ttl: { AccessToken: 3600, AuthorizationCode: 60, Grant: 3600, IdToken: 3600, Interaction: 600, Session: 600 },
  // somebody has consented for everybody
  async loadExistingGrant({ oidc }) {
    const grant = new oidc.provider.Grant({ clientId: client.id, accountId: oidc.session.accountId });
    grant.addOIDCScope(scopes.join(' '));
    await grant.save();
    return grant;
  },
});

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' };
}

/**
 * Starts it below `path`. `away` makes it drop every connection while it is true; `elsewhere` answers what is not
 * below the path.
 */
export async function startProvider(settings, elsewhere = (_, __, response) => response.writeHead(404).end()) {
  const { path } = settings;
  const started = { away: false };
  const server = createServer((request, response) => {
    if (started.away) return request.destroy();
    answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  started.address = `http://127.0.0.1:${server.address().port}`;
  started.issuer = started.address + path;
  const provider = new Provider(started.issuer, configuration(settings));
  async function answer(request, response) {
    if (request.url.startsWith(`${path}/interaction/`)) return interact(provider, settings, request, response);
    if (!request.url.startsWith(path)) return elsewhere(provider, request, response);
    request.originalUrl = request.url;
    request.url = request.url.slice(path.length);
    return provider.callback()(request, response);
  }
  started.stop = () => {
    server.closeAllConnections();
    return new Promise((stopped) => server.close(stopped));
  };
  return started;
}

/** The page on which a person says who they are. */
async function interact(provider, { people, title }, request, response) {
  if (request.method === 'GET') return choose(response, title, [...Object.keys(people), 'Cancel']);
  const who = (await form(request)).get('who');
  const cancelled = { error: 'access_denied', error_description: '<script>alert("not ours")</script>' };
  const result = people[who] ? { login: { accountId: who } } : cancelled;
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

/** A page with a button for each name. */
export function choose(response, title, names) {
  const buttons = names.map((name) => `<button name="who" value="${name}">${name}</button>`);
  const page = `<!doctype html><title>${title}</title><form method="post">${buttons.join(' ')}</form>`;
  return response.writeHead(200, { 'content-type': 'text/html' }).end(page);
}

/** What a form sends. */
export async function form(request) {
  return new URLSearchParams(Buffer.concat(await request.toArray()).toString());
}
