// A tenant of Microsoft Entra ID, played by a certified OpenID Connect provider, and Microsoft Graph.
import { application, startProvider } from './provider.mjs';

const TENANT = '66666666-7777-8888-9999-000000000000';
const CLIENT = application('11111111-2222-3333-4444-555555555555');
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

export async function startMicrosoft(redirectUri) {
  const settings = {
    title: 'Microsoft',
    path: `/${TENANT}/v2.0`,
    client: CLIENT,
    redirectUris: [redirectUri],
    claims: { openid: ['sub', 'oid', 'tid'], profile: ['name', 'preferred_username'], email: ['email'] },
    scopes: ['openid', 'profile', 'email', 'User.Read'],
    people: PEOPLE,
  };
  const microsoft = await startProvider(settings, graph);
  microsoft.environment = {
    MICROSOFT_CLIENT_ID: CLIENT.id,
    MICROSOFT_CLIENT_SECRET: CLIENT.secret,
    MICROSOFT_TENANT_ID: TENANT,
    MICROSOFT_ISSUER_URL: microsoft.issuer,
    MICROSOFT_GRAPH_URL: microsoft.address + GRAPH_PATH,
  };
  return microsoft;
}

/** Microsoft Graph has a picture of everybody, for those with their token. */
async function graph(provider, request, response) {
  const token = request.headers.authorization?.replace('Bearer ', '');
  const isPicture = request.url === `${GRAPH_PATH}/me/photos/96x96/$value`;
  if (!isPicture || !(await provider.AccessToken.find(token ?? ''))) return response.writeHead(404).end();
  return response.writeHead(200, { 'content-type': 'image/png' }).end(PICTURE);
}
