// A provider with the bridge attached as its README says, and all flows and kinds of tokens
// switched on. Its end-users are whoever signs in, with any password.
//
//     node provider.mjs '{"socketPath": "events.sock"}'
//
// The argument is what the bridge is told, and for this file alone `strayTokens`: issue one outside
// of a request, and one within `bridge.run`, at start; and `failingAuthzData`. Says `listening ISSUER`
// on standard error when it is up, and ends, with the bridge's counts in the last line of standard
// output, when its standard input does.

import { createHash, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'

import Provider from 'oidc-provider'

import { attach } from './bridge/index.js'
import { CLIENTS } from './clients.mjs'

const { strayTokens, failingAuthzData, ...options } = JSON.parse(process.argv[2])

const ROLES = 'https://claims.example.com/roles'

function account(accountId) {
  const claims = {
    sub: accountId,
    name: `${accountId} "Ünï" \\ \u{1F469}\u200D\u{1F467}`,
    updated_at: 1700000003,
    email: `${accountId}@example.com`,
    email_verified: false,
    address: { formatted: '1 Main St\nOslo', country: 'NO' },
    [ROLES]: ['user', { of: [1, null, 0.1, 9007199254740991] }],
  }
  return { accountId, claims: async () => claims }
}

/** Access tokens for `…/jwt` are JWTs, those for `…/opaque` and without a resource are not. */
function resourceServer(ctx, resource) {
  const format = resource.split('/').at(-1)
  return { scope: 'api:read api:write', audience: resource, accessTokenFormat: format }
}

function configuration() {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return {
    clients: CLIENTS,
    jwks: { keys: [{ ...rsa.privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'k1' }] },
    cookies: { keys: ['a key that signs cookies'] },
    findAccount: (ctx, id) => account(id),
    responseTypes: ['code', 'id_token', 'id_token token', 'code id_token', 'code token', 'code id_token token', 'none'],
    scopes: ['openid', 'offline_access', 'roles'],
    claims: { openid: ['sub', 'acr', 'amr'], profile: ['name', 'updated_at'], email: ['email', 'email_verified'], address: ['address'], roles: [ROLES] },
    // So that ID tokens have claims to compare.
    conformIdTokenClaims: false,
    subjectTypes: ['public', 'pairwise'],
    pairwiseIdentifier: (ctx, id, { clientId }) => createHash('sha256').update(`${clientId}\0${id}`).digest('hex'),
    issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    extraTokenClaims: (ctx, token) => ({ tenant: `ténant "${token.clientId}"` }),
    enabledJWA: { idTokenEncryptionAlgValues: ['A256KW'], idTokenEncryptionEncValues: ['A256GCM'] },
    features: {
      claimsParameter: { enabled: true },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      devInteractions: { enabled: true },
      encryption: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: { enabled: true, getResourceServerInfo: resourceServer },
    },
    ttl: {
      AccessToken: 3600, AuthorizationCode: 60, ClientCredentials: 600, DeviceCode: 600, Grant: 3600,
      IdToken: 3600, Interaction: 600, RefreshToken: 3600, Session: 3600,
    },
  }
}

/** Tokens that no request asks for. */
async function issueStrays(provider, bridge) {
  const client = await provider.Client.find('machine')
  await new provider.ClientCredentials({ client, scope: 'stray' }).save()
  await bridge.run(() => new provider.ClientCredentials({ client, scope: 'run' }).save())
}

// The port has to be known before the provider is made.
const server = createServer().listen(0, '127.0.0.1')
await once(server, 'listening')
const issuer = `http://127.0.0.1:${server.address().port}`
const provider = new Provider(issuer, configuration())
const bridge = attach(provider, {
  authzData(ctx) {
    if (failingAuthzData) throw new Error('no data')
    return { prompt: ctx.oidc.params.prompt ?? null }
  },
  ...options,
})
server.on('request', provider.callback())
provider.on('server_error', (ctx, error) => console.error(error))
if (strayTokens) await issueStrays(provider, bridge)
console.error(`listening ${issuer}`)

process.stdin.resume()
await once(process.stdin, 'end')
server.close()
server.closeAllConnections()
await bridge.close({ timeout: 2000 })
console.log(JSON.stringify(bridge.counts()))
process.exit()
