// One request to the host, and its answer. That it may have to be made again is for `delivery.js`.

import http from 'node:http'
import https from 'node:https'

import { readToken } from './options.js'

/** No answer of the host is longer, in bytes. */
const LONGEST_ANSWER = 1 << 20

const TOO_LARGE = 413

/** The host did not take events now, and may take the same ones later. */
export class Unavailable extends Error {
  /** How long to wait at least, in milliseconds. */
  retryAfter = 0
}

/**
 * What became of events that were posted; what is in neither list was taken.
 *
 * @typedef {object} Outcome
 * @property {{ event: Line, reason: string }[]} refused the host will never take them
 * @property {Line[]} again not now
 * @property {number} retryAfter how long to wait with these, in milliseconds
 */

/** @typedef {import('./collected.js').Line} Line */

/** The host, as far as it is known from here: a place to post events to. */
export class Host {
  #client
  #target
  #agent
  #tokenFile
  #token

  /** @param {ReturnType<typeof import('./options.js').checked>} settings */
  constructor({ socketPath, url, tokenFile, tls, maxConnections }) {
    const base = new URL(url ?? 'http://localhost')
    this.#client = base.protocol === 'https:' ? https : http
    this.#target = {
      method: 'POST',
      path: `${base.pathname.replace(/\/$/, '')}/events`,
      ...(socketPath === undefined
        ? { host: base.hostname.replace(/^\[|\]$/g, ''), port: base.port || undefined }
        : { socketPath }),
    }
    const agent = { keepAlive: true, maxSockets: maxConnections, scheduling: 'fifo' }
    this.#agent = new this.#client.Agent({ ...tls, ...agent })
    this.#tokenFile = tokenFile
    if (tokenFile !== undefined) this.#token = readToken(tokenFile)
  }

  /**
   * Posts events.
   *
   * @param {Line[]} events
   * @param {number} timeout in milliseconds
   * @returns {Promise<Outcome>}
   * @throws {Unavailable}
   */
  async post(events, timeout) {
    return this.#postInTime(events, AbortSignal.timeout(Math.max(1, Math.ceil(timeout))))
  }

  async #postInTime(events, signal) {
    let answer = await this.#request(events, signal)
    if (answer.status === 401 && this.#hasNewToken()) answer = await this.#request(events, signal)
    if (answer.status === TOO_LARGE && events.length > 1) {
      // Too much at once, and perhaps not too much one after the other.
      const middle = Math.ceil(events.length / 2)
      const first = await this.#postInTime(events.slice(0, middle), signal)
      const second = await this.#postInTime(events.slice(middle), signal)
      return {
        refused: [...first.refused, ...second.refused],
        again: [...first.again, ...second.again],
        retryAfter: Math.max(first.retryAfter, second.retryAfter),
      }
    }
    return outcome(events, answer)
  }

  /** Ends the connections. */
  close() {
    this.#agent.destroy()
  }

  #request(events, signal) {
    const body = Buffer.from(events.map(({ line }) => `${line}\n`).join(''))
    const headers = {
      'content-type': 'application/x-ndjson',
      'content-length': body.length,
      ...(this.#token && { authorization: `Bearer ${this.#token}` }),
    }
    const { promise, resolve, reject } = deferred()
    const failed = (error) => {
      const why = signal.aborted ? 'no answer in time' : (error.code ?? error.message)
      reject(new Unavailable(why))
    }
    const request = this.#client.request({ ...this.#target, headers, agent: this.#agent, signal })
    request.on('error', failed)
    request.on('response', (response) => {
      const parts = []
      let length = 0
      response.on('error', failed)
      response.on('data', (part) => {
        length += part.length
        if (length > LONGEST_ANSWER) response.destroy(new Error('the answer is too long'))
        else parts.push(part)
      })
      response.on('end', () => {
        const { statusCode: status, headers } = response
        const after = Number(headers['retry-after'])
        const retryAfter = Number.isFinite(after) ? Math.max(0, after * 1000) : 0
        resolve({ status, retryAfter, body: parsed(Buffer.concat(parts)) })
      })
    })
    request.end(body)
    return promise
  }

  /** Whether the operator has changed the token in the file. */
  #hasNewToken() {
    if (this.#tokenFile === undefined) return false
    const before = this.#token
    try {
      this.#token = readToken(this.#tokenFile)
    } catch {
      // It is being changed: the next request asks again.
      return false
    }
    return this.#token !== before
  }
}

function deferred() {
  const parts = {}
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }))
  return parts
}

function parsed(bytes) {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}

/** @returns {Outcome} */
function outcome(events, { status, retryAfter, body }) {
  if (Array.isArray(body?.refusals)) {
    const of = (retry) =>
      body.refusals
        .filter((refusal) => Boolean(refusal.retry) === retry)
        .map(({ line, reason }) => ({ event: events[line - 1], reason: String(reason) }))
        .filter(({ event }) => event !== undefined)
    return { refused: of(false), again: of(true).map(({ event }) => event), retryAfter }
  }
  if (status >= 200 && status < 300) return { refused: [], again: [], retryAfter: 0 }
  const reason = `status ${status}${body?.detail ? `: ${body.detail}` : ''}`
  // Any other refusal is of the request, and not of what it says.
  if (status === TOO_LARGE) {
    return { refused: events.map((event) => ({ event, reason })), again: [], retryAfter: 0 }
  }
  const unavailable = new Unavailable(reason)
  unavailable.retryAfter = retryAfter
  throw unavailable
}
