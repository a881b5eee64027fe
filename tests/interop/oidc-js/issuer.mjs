// A real OpenID Connect issuer for the gateway's tests, with a second port to steer it.
// Prints {"port", "control"} when it serves. POST to the control port:
//   /token   {alg?, kid?, header?, claims?, expiresIn?, parts?}  a token of that shape; parts: sent as they are, unsigned
//   /rotate  {alg?}                                              a new key; the ones before are withdrawn
//   /mute    {for}                                               the JWK set answers 503 so often
//   /lifetime {seconds}                                          what the token endpoint says of its tokens from now on
//   /count                                                       how often the JWK set was asked for
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const packages = createRequire(`${process.cwd()}/package.json`);
const { OAuth2Server } = await import(pathToFileURL(packages.resolve('oauth2-mock-server')).href);
const server = new OAuth2Server();
const { keys } = server.issuer;
const kids = {};
let current;
const withdrawn = new Set();
const all = keys.toJSON.bind(keys);
const get = keys.get.bind(keys);
keys.toJSON = (secrets) => all(secrets).filter((key) => !withdrawn.has(key.kid));
keys.get = (kid) => get(kid ?? current);

async function add(alg) {
  const { kid } = await keys.generate(alg);
  kids[alg] = kid;
  return kid;
}
current = await add('RS256');
let asked = 0;
let mute = 0;
const listeners = { jwks: server.service.requestHandler };
const original = listeners.jwks;
const front = createServer((request, response) => {
  if (request.url === '/jwks') {
    asked += 1;
    if (mute > 0) {
      mute -= 1;
      response.writeHead(503).end();
      return;
    }
  }
  original(request, response);
});
await new Promise((ready) => front.listen(0, '127.0.0.1', ready));
server.issuer.url = `http://127.0.0.1:${front.address().port}`;

// What a client asked for at the authorize endpoint and sent to the token endpoint, for the tests to look at.
server.service.on('beforeResponse', (answer, request) => {
  if (lifetime !== undefined && answer.body?.access_token) answer.body.expires_in = lifetime;
  if (request.body?.grant_type !== undefined) lastGrant = { ...request.body, authorization: request.headers.authorization };
});
server.service.on('beforeIntrospect', (answer, request) => {
  answer.body = active;
});
let lastGrant = {};
let lifetime;
let active = { active: false };

const steer = {
  '/token': async ({ alg, kid, header = {}, claims = {}, expiresIn = 3600, parts, hmac }) => {
    const b64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
    if (parts) return { token: parts.map(b64).join('.') };
    if (hmac) {
      const message = `${b64({ alg: 'HS256', kid: current, ...header })}.${b64({ iss: server.issuer.url, exp: 9999999999, ...claims })}`;
      const jwk = all().find((key) => key.kid === current);
      return { token: `${message}.${createHmac('sha256', Buffer.from(jwk.n, 'base64url')).update(message).digest('base64url')}` };
    }
    if (alg && !kids[alg]) await add(alg);
    const token = await server.issuer.buildToken({
      kid: kid ?? kids[alg] ?? current,
      expiresIn,
      scopesOrTransform: (h, p) => {
        Object.assign(h, header);
        Object.assign(p, claims);
        for (const [name, value] of Object.entries(claims)) if (value === null) delete p[name];
      },
    });
    return { token, kid: current };
  },
  '/rotate': async ({ alg = 'RS256' }) => {
    for (const key of all()) withdrawn.add(key.kid);
    current = await add(alg);
    return { kid: current };
  },
  '/mute': async ({ for: times }) => ({ mute: (mute = times) }),
  '/count': async () => ({ asked }),
  '/grant': async () => lastGrant,
  '/lifetime': async ({ seconds }) => ({ seconds: (lifetime = seconds) }),
  '/introspection': async (answer) => ({ ok: !!(active = answer) }),
};
const control = createServer((request, response) => {
  let text = '';
  request.on('data', (data) => (text += data));
  request.on('end', async () => {
    try {
      const answer = await steer[request.url](JSON.parse(text || '{}'));
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
});
await new Promise((ready) => control.listen(0, '127.0.0.1', ready));
console.log(JSON.stringify({ port: front.address().port, control: control.address().port }));
