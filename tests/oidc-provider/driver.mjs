// A client and its end-users' browser in one: signs in, gets tokens, and writes down what it got.
//
//     node driver.mjs ISSUER [--together] < flows.json
//
// Standard input is an array of flows, each with the name of the `user` (none for a client's own
// tokens), the `client`, what to ask for (`response_type`, `scope`, `resource`, `claims`), and what
// to do `then`: "exchange" the code, "refresh", "silent" (once more with `prompt=none`). Writes one
// line of JSON for each flow: what it was, and `responses`, each with what the client got: claims of
// ID tokens and JWT access tokens, what introspection says of opaque ones, or the error; `ms` is how
// long the client waited for it. With `--together` the flows run at the same time.

import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { compactDecrypt, decodeJwt } from 'jose'

import { CLIENTS } from './clients.mjs'

const [issuer, ...flags] = process.argv.slice(2)
const flows = JSON.parse(readFileSync(0, 'utf8'))
const known = new Map(CLIENTS.map((client) => [client.client_id, client]))
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'
/** No sign-in has more steps. */
const STEPS = 20

/** A browser with one user in front of it: keeps cookies, follows redirects, fills in forms. */
class Browser {
  #cookies = new Map()

  constructor(user) {
    this.user = user
  }

  async #fetch(url, init = {}) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { ...init.headers, cookie, accept: 'text/html' }
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)
      if (value === '') this.#cookies.delete(name)
      else this.#cookies.set(name, value)
    }
    return response
  }

  /** Visits a page and does what it asks for, until `isOver` says of a URL or a page that it is. */
  async visit(start, isOver) {
    let url = start
    let init
    for (let step = 0; step < STEPS; step += 1) {
      const began = performance.now()
      const response = await this.#fetch(url, init)
      const text = await response.text()
      const ms = performance.now() - began
      const location = response.headers.get('location')
      const next = location && new URL(location, url).href
      const over = isOver(next, text, response.status)
      if (over !== undefined) return { ...over, ms }
      ;({ url, init } = next ? { url: next } : this.#fillIn(url, text))
    }
    throw new Error(`no end after ${STEPS} steps, at ${url}`)
  }

  #fillIn(url, page) {
    const action = /<form[^>]* action="([^"]*)"/.exec(page)?.[1]
    if (action === undefined) throw new Error(`a page without a form at ${url}: ${page}`)
    const fields = new URLSearchParams()
    for (const [input] of page.matchAll(/<input[^>]*>/g)) {
      const name = /name="([^"]*)"/.exec(input)?.[1]
      if (name) fields.set(name, /value="([^"]*)"/.exec(input)?.[1] ?? '')
    }
    if (fields.has('login')) fields.set('login', this.user)
    if (fields.has('user_code') && this.userCode) fields.set('user_code', this.userCode)
    if (fields.has('password')) fields.set('password', 'any')
    return { url: new URL(action, url).href, init: { method: 'POST', body: fields } }
  }
}

async function post(path, body, client_id) {
  const { client_secret } = known.get(client_id)
  const began = performance.now()
  const response = await fetch(issuer + path, {
    method: 'POST',
    body: new URLSearchParams({ ...body, client_id, client_secret }),
  })
  return { status: response.status, ...(await response.json()), ms: performance.now() - began }
}

/** The claims of a JWT, signed or encrypted. */
async function claimsOf(jwt, client) {
  if (jwt.split('.').length === 3) return decodeJwt(jwt)
  // OpenID Connect Core section 10.2.
  const key = createHash('sha256').update(known.get(client).client_secret).digest()
  const { plaintext } = await compactDecrypt(jwt, key)
  return decodeJwt(Buffer.from(plaintext).toString())
}

/** A response as the client understands it: all that is compared, and no token. */
async function understood(client, what, response) {
  const { id_token, access_token, error, code, ms, status } = response
  const got = { ...what, ms, status, error, code: code !== undefined }
  if (id_token) got.id_token = await claimsOf(id_token, client)
  if (access_token?.includes('.')) got.access_token = { claims: decodeJwt(access_token) }
  else if (access_token) {
    const asked = await post('/token/introspection', { token: access_token }, 'introspector')
    const { ms: _, status: __, ...introspection } = asked
    got.access_token = { introspection }
  }
  return got
}

const cut = (members) => Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))

/** Asks for an authorisation, and signs in where the provider wants it. */
async function authorize(browser, flow, prompt) {
  const { client, response_type, resource, claims, scope = 'openid profile email address roles' } = flow
  const verifier = randomBytes(32).toString('base64url')
  const [redirect_uri] = known.get(client).redirect_uris
  const query = new URLSearchParams(
    cut({
      client_id: client,
      response_type,
      scope,
      resource,
      prompt,
      claims: claims && JSON.stringify(claims),
      redirect_uri,
      state: randomBytes(8).toString('hex'),
      // Without `openid` it is plain OAuth, which has none.
      nonce: scope.includes('openid') ? randomBytes(8).toString('hex') : undefined,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    }),
  )
  const isOver = (next) => {
    if (!next?.startsWith(redirect_uri)) return undefined
    const { searchParams, hash } = new URL(next)
    const answer = Object.fromEntries([...searchParams, ...new URLSearchParams(hash.slice(1))])
    if (answer.state !== query.get('state')) throw new Error(`another state: ${next}`)
    return answer
  }
  const response = await browser.visit(`${issuer}/auth?${query}`, isOver)
  return { response, verifier, redirect_uri }
}

function exchange({ client, resource }, { response, verifier, redirect_uri }) {
  const { code } = response
  const body = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri, resource }
  return post('/token', cut(body), client)
}

/** Redeems a code, and the refresh token that comes of it, as the flow wants it. */
async function redeem(flow, authorized, responses) {
  const then = flow.then ?? []
  if (!then.includes('exchange')) return
  const tokens = await exchange(flow, authorized)
  responses.push(await understood(flow.client, { grant_type: 'authorization_code' }, tokens))
  if (then.includes('exchange again')) {
    responses.push(await understood(flow.client, { grant_type: 'authorization_code' }, await exchange(flow, authorized)))
  }
  if (then.includes('refresh')) {
    const body = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
    responses.push(await understood(flow.client, { grant_type: 'refresh_token' }, await post('/token', body, flow.client)))
  }
}

async function device(flow, responses) {
  const scope = flow.scope ?? 'openid profile'
  const asked = await post('/device/auth', { scope }, flow.client)
  const browser = new Browser(flow.user)
  browser.userCode = asked.user_code
  const isOver = (next, page, status) => {
    if (!next && status === 200 && !page.includes('<form')) return {}
    return undefined
  }
  await browser.visit(asked.verification_uri_complete, isOver)
  const body = { grant_type: DEVICE, device_code: asked.device_code }
  responses.push(await understood(flow.client, { grant_type: DEVICE }, await post('/token', body, flow.client)))
}

async function run(flow) {
  const responses = []
  const { client, user, resource, scope, then = [] } = flow
  if (known.get(client).grant_types.includes(DEVICE)) await device(flow, responses)
  else if (user === undefined) {
    const body = cut({ grant_type: 'client_credentials', resource, scope })
    responses.push(await understood(client, { grant_type: 'client_credentials' }, await post('/token', body, client)))
  } else {
    const browser = new Browser(user)
    for (const prompt of then.includes('silent') ? [undefined, 'none'] : [undefined]) {
      const authorized = await authorize(browser, flow, prompt)
      const { response_type } = flow
      responses.push(await understood(client, { response_type, prompt }, authorized.response))
      if (authorized.response.code !== undefined) await redeem(flow, authorized, responses)
    }
  }
  console.log(JSON.stringify({ ...flow, responses }))
}

if (flags.includes('--together')) await Promise.all(flows.map(run))
else for (const flow of flows) await run(flow)
