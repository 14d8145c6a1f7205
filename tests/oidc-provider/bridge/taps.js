// Where the bridge touches the provider: its events, and the two methods through which each token
// goes. All that is not in oidc-provider's own documentation stands here, in `METHODS` and in
// `consentedClaims`; `listen` refuses a provider that does not have the methods.

import { now } from './collected.js'

/** @typedef {import('./collected.js').Collected} Collected */

const METHODS = [
  ['IdToken', 'issue'],
  ['IdToken', 'payload'],
  ['AccessToken', 'getValueAndPayload'],
  ['ClientCredentials', 'getValueAndPayload'],
]

/** The grants of other devices: one request of the end-user, redeemed once, as a code is. */
const GRANTS_ELSEWHERE = {
  'urn:ietf:params:oauth:grant-type:device_code': 'DeviceCode',
  'urn:openid:params:grant-type:ciba': 'BackchannelAuthenticationRequest',
}

/** What a client has of its registration that is a credential. */
const SECRETS = ['client_secret', 'registration_access_token']

/**
 * Collects what a provider issues.
 *
 * @param {import('oidc-provider').default} provider
 * @param {() => Collected | undefined} collected where, at the moment
 * @param {ReturnType<typeof import('./options.js').checked>} settings
 */
export function listen(provider, collected, { client: wanted, authzData, log }) {
  for (const [model, method] of METHODS) {
    if (typeof provider[model]?.prototype?.[method] !== 'function') {
      throw new Error(`op-listener bridge: this provider has no ${model}.${method}; it knows oidc-provider 9`)
    }
  }
  const ofClient = (client) => ({
    client_id: client.clientId,
    client: wanted ? metadata(client, wanted) : undefined,
  })
  /** Where to collect; a token of which nobody is told is at least said. */
  const issued = (what) => {
    const here = collected()
    if (here === undefined) {
      log.error(`op-listener bridge: ${what} was issued outside of a request, and the host is not told: issue it within bridge.run()`)
    }
    return here
  }

  const { IdToken, AccessToken, ClientCredentials } = provider
  const { issue } = IdToken.prototype
  IdToken.prototype.issue = async function (options, ...rest) {
    if (options?.use !== 'idtoken') return issue.call(this, options, ...rest)
    // The provider signs this very object, to which it has added the last claims.
    let payload
    this.payload = async () => {
      payload = await Object.getPrototypeOf(this).payload.call(this)
      return payload
    }
    const token = await issue.call(this, options, ...rest)
    const here = issued('an ID token')
    here?.attempt('id_token_issue', () => {
      here.idTokenClaims = decoded(token) ?? JSON.parse(JSON.stringify(payload))
      here.add('id_token_issue', {
        ...ofClient(this.client),
        // As the account has it: pairwise it becomes in the claims alone.
        subject: this.available.sub,
        claims: here.idTokenClaims,
      })
    })
    return token
  }

  for (const { prototype } of [AccessToken, ClientCredentials]) {
    const { getValueAndPayload } = prototype
    prototype.getValueAndPayload = async function () {
      const again = this.iat !== undefined
      const made = await getValueAndPayload.call(this)
      // One that was found and is stored again was issued before.
      const here = again ? undefined : issued('an access token')
      await here?.attempt('access_token_issue', async () => {
        here.add('access_token_issue', {
          ...ofClient(this.client),
          subject: this.accountId,
          claims: decoded(made.value) ?? (await authorised(provider, this, made.payload)),
        })
      })
      return made
    }
  }

  provider.on('authorization_code.consumed', () => {
    const here = collected()
    if (here !== undefined) here.codeUsedAt = now()
  })
  provider.on('authorization.success', (ctx, response) => {
    // Without one an end-user has confirmed the code of a device, which gets its tokens later.
    if (response === undefined) return
    const here = collected()
    here?.succeeded()
    // No tokens, and no event.
    if (ctx.oidc.params.response_type === 'none') return
    if (response.code !== undefined) here?.isOfCode(response.code)
    here?.attempt('authorization_completed', () => {
      const members = { ...ofClient(ctx.oidc.client), ...authorization(ctx, response, here) }
      members.authz_data = authzData(ctx)
      // The session is stored, and its end known, when the provider has done all.
      here.add('authorization_completed', members, { late: () => ({ session: session(ctx) }) })
    })
  })
  provider.on('grant.success', (ctx) => {
    const here = collected()
    here?.succeeded()
    const { params, client, entities } = ctx.oidc
    if (params.grant_type === 'authorization_code') {
      here?.isOfCode(params.code)
      here?.attempt('code_exchanged', () => {
        const members = { code: params.code, id_token_claims: here.idTokenClaims }
        here.add('code_exchanged', { ...ofClient(client), ...members }, { time: here.codeUsedAt })
      })
    }
    const elsewhere = entities[GRANTS_ELSEWHERE[params.grant_type]]
    if (elsewhere !== undefined) {
      here?.attempt('subject_auth_and_consent', () => {
        const members = confirmedElsewhere(elsewhere, here)
        here.add('subject_auth_and_consent', { ...ofClient(client), ...members })
      })
    }
  })
  for (const failure of ['authorization.error', 'grant.error', 'server_error']) {
    provider.on(failure, () => collected()?.failed())
  }
}

/** What of a client's registration is told. */
function metadata(client, wanted) {
  const members = wanted === true ? client.metadata() : wanted(client)
  const told = Object.entries(members ?? {}).filter(([name]) => !SECRETS.includes(name))
  return members && Object.fromEntries(told)
}

/** The claims of a signed JWT; nothing for what is none. */
function decoded(token) {
  const parts = token.split('.')
  if (parts.length !== 3) return undefined
  return JSON.parse(Buffer.from(parts[1], 'base64url').toString())
}

/** What an access token authorises that is no signed JWT, as introspection tells it. */
async function authorised(provider, token, stored) {
  // What is not stored is encrypted, and of the same moment.
  const iat = Math.floor(now())
  const { jti, ...of } = stored ?? { ...token, iat, exp: iat + token.expiration }
  const confirmation = { 'x5t#S256': of['x5t#S256'], jkt: of.jkt }
  return {
    sub: of.accountId && (await asClientsSee(provider, of.accountId, token.client)),
    ...of.extra,
    client_id: of.clientId,
    exp: of.exp,
    iat: of.iat,
    sid: of.sid,
    iss: provider.issuer,
    // The `jti` of an opaque token is the token.
    jti: stored === undefined ? jti : undefined,
    aud: of.aud,
    authorization_details: of.rar,
    scope: of.scope || undefined,
    cnf: token.isSenderConstrained() ? confirmation : undefined,
  }
}

/** A subject as a client knows it: itself, or pairwise. */
async function asClientsSee(provider, subject, client) {
  const { ctx } = provider.constructor
  const claims = new provider.Claims({ sub: subject }, { ctx, client })
  claims.mask({ sub: null })
  return (await claims.result()).sub
}

/** The members of a completed authorisation. */
function authorization(ctx, response, { idTokenClaims }) {
  const { oidc } = ctx
  const { AuthorizationCode: code } = oidc.entities
  return {
    response_type: oidc.params.response_type,
    code: response.code,
    // Not before the provider's own, so that no exchange that it allows comes too late.
    code_expires_at: response.code && Math.floor(now()) + code.expiration,
    subject: oidc.session.accountId,
    id_token_claims: response.id_token && idTokenClaims,
    scope: consentedScope(oidc),
    consented_claims: consentedClaims(ctx),
  }
}

function consentedScope({ grant, resourceServers, requestParamScopes }) {
  const resources = Object.values(resourceServers)
  const scopes = [
    grant.getOIDCScopeFiltered(requestParamScopes),
    ...resources.map((of) => grant.getResourceScopeFiltered(of.identifier(), requestParamScopes)),
  ]
  return [...new Set(scopes.join(' ').split(' ').filter(Boolean))]
}

/** The claims that the consented scopes stand for, and those asked for one by one. */
function consentedClaims(ctx) {
  const { grant, claims, provider, requestParamOIDCScopes } = ctx.oidc
  const mask = new provider.Claims({}, { ctx })
  mask.scope(grant.getOIDCScopeFiltered(requestParamOIDCScopes))
  const asked = [claims?.id_token, claims?.userinfo].flatMap((of) => Object.keys(of ?? {}))
  const names = new Set([...Object.keys(mask.filter), ...grant.getOIDCClaimsFiltered(new Set(asked))])
  const rejected = new Set(grant.getRejectedOIDCClaims())
  return [...names].filter((name) => !rejected.has(name))
}

/** The session, without its identifier, which is a credential. */
function session({ oidc: { session, client } }) {
  return {
    sid: session.sidFor(client.clientId),
    auth_time: session.authTime(),
    acr: session.acr,
    amr: session.amr,
    expires_at: session.exp,
    uid: session.uid,
  }
}

/** The members of a sign-in on another device than the one that gets the tokens. */
function confirmedElsewhere(grant, { idTokenClaims }) {
  return {
    subject: grant.accountId,
    id_token_claims: idTokenClaims,
    scope: [...grant.scopes].filter(Boolean),
    session: { sid: grant.sid, auth_time: grant.authTime, acr: grant.acr, amr: grant.amr },
  }
}
