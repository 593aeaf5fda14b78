// Google, played by a certified OpenID Connect provider.
import { application, startProvider } from './provider.mjs';

const CLIENT = application('1234567890.apps.googleusercontent.test');

const person = (name, hd) => {
  const email = `${name.toLowerCase().replace(' ', '.')}@${hd ?? 'mail.example.org'}`;
  return { name, email, email_verified: true, ...(hd && { hd }) };
};

/** Who can sign in there, by the name on the button: a colleague, and somebody for whom nobody vouches. */
const PEOPLE = { 'Ada Lane': person('Ada Lane', 'workspace.test'), 'Sam Poe': person('Sam Poe') };

export async function startGoogle(redirectUris) {
  const google = await startProvider({
    title: 'Google',
    path: '/google',
    client: CLIENT,
    redirectUris,
    claims: { openid: ['sub', 'hd'], profile: ['name'], email: ['email', 'email_verified'] },
    scopes: ['openid', 'profile', 'email'],
    people: PEOPLE,
  });
  google.environment = {
    GOOGLE_CLIENT_ID: CLIENT.id,
    GOOGLE_CLIENT_SECRET: CLIENT.secret,
    GOOGLE_ISSUER_URL: google.issuer,
    GOOGLE_HOSTED_DOMAIN: 'workspace.test',
  };
  return google;
}
