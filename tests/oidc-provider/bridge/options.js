// Reads the options, and says of wrong ones what would be right.

import { readFileSync } from 'node:fs'

/**
 * @typedef {object} Options
 * @property {string} [socketPath] the host's Unix socket (`unix` in its configuration)
 * @property {string} [url] or its address, `http://127.0.0.1:8790` (`http` there)
 * @property {string} [tokenFile] the file with the bearer token; needed with `url`
 * @property {import('node:https').AgentOptions} [tls] for an `https:` URL: `ca`, and `cert` and `key`
 *   where the host demands a certificate
 * @property {'continue' | 'refuse'} [onFailure] what becomes of a response of which the host could
 *   not be told: it leaves all the same (default), or an error leaves in its place
 * @property {number} [timeout] how long a response waits for the host at most, with all retries, in
 *   milliseconds (3000)
 * @property {number} [retries] how often the same events are posted again within that time (5)
 * @property {number} [maxConnections] connections to the host at once (16)
 * @property {number} [maxWaiting] responses that wait for the host at once; more count as failed (1000)
 * @property {number} [maxKept] events that are kept while the host is away (10000)
 * @property {boolean | ((client: object) => object | undefined)} [client] whether events carry the
 *   registered metadata of their client, or which (true)
 * @property {(ctx: object) => unknown} [authzData] the `authz_data` of a sign-in, from the context
 *   of the authorization request
 * @property {Log} [log] where it says what an operator should know (standard error)
 */

/**
 * @typedef {object} Log
 * @property {(message: string) => void} info
 * @property {(message: string) => void} error
 */

const DEFAULTS = {
  socketPath: undefined,
  url: undefined,
  tokenFile: undefined,
  tls: undefined,
  onFailure: 'continue',
  timeout: 3000,
  retries: 5,
  maxConnections: 16,
  maxWaiting: 1000,
  maxKept: 10_000,
  client: true,
  authzData: () => undefined,
  log: { info: console.error, error: console.error },
}
/** The least value that makes sense of each number. */
const NUMBERS = { timeout: 1, retries: 0, maxConnections: 1, maxWaiting: 1, maxKept: 0 }
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * All options, with defaults for those that are not given.
 *
 * @param {Options} options
 */
export function checked(options) {
  const unknown = Object.keys(options ?? {}).filter((name) => !Object.hasOwn(DEFAULTS, name))
  if (unknown.length > 0) {
    wrong(`there is no option ${unknown.join(', ')}; there are ${Object.keys(DEFAULTS).join(', ')}`)
  }
  const given = Object.entries(options ?? {}).filter(([, value]) => value !== undefined)
  const settings = { ...DEFAULTS, ...Object.fromEntries(given) }
  for (const [name, least] of Object.entries(NUMBERS)) {
    const value = settings[name]
    if (!Number.isSafeInteger(value) || value < least) {
      wrong(`${name} must be a whole number from ${least} up`)
    }
  }
  if (!['continue', 'refuse'].includes(settings.onFailure)) {
    wrong("onFailure must be 'continue' or 'refuse'")
  }
  if (typeof settings.client !== 'boolean' && typeof settings.client !== 'function') {
    wrong('client must be true, false or a function')
  }
  if (typeof settings.authzData !== 'function') wrong('authzData must be a function')
  checkPlace(settings)
  return settings
}

function checkPlace({ socketPath, url, tokenFile, tls }) {
  if ((socketPath === undefined) === (url === undefined)) {
    wrong('name the place of the host: either socketPath or url')
  }
  if (socketPath !== undefined) {
    if (tokenFile !== undefined || tls !== undefined) wrong('tokenFile and tls go with url')
    return
  }
  const { protocol, hostname, username, password, search, hash } = new URL(url)
  if (protocol !== 'http:' && protocol !== 'https:') wrong('url must begin with http:// or https://')
  if (username || password || search || hash) {
    wrong('url must have no user, query and fragment; the token is read from tokenFile')
  }
  if (protocol === 'http:' && !LOOPBACK.has(hostname)) {
    wrong('whoever is on the way could read the token and the events: use https:// or a loopback address')
  }
  if (protocol === 'http:' && tls !== undefined) wrong('tls goes with an https:// url')
  if (tokenFile === undefined && !tls?.cert && !tls?.pfx) {
    wrong('with url, name a tokenFile, or a certificate in tls: the host demands one of them')
  }
}

/**
 * The bearer token in a file.
 *
 * @param {string} file
 */
export function readToken(file) {
  const token = readFileSync(file, 'utf8').trim()
  if (!/^[\x21-\x7e]+$/.test(token)) wrong(`${file} must hold one line, the token, of visible ASCII`)
  return token
}

function wrong(message) {
  throw new TypeError(`op-listener bridge: ${message}`)
}
