// The events of one response: what was issued on the way to it, and whether it came to it. Of a
// response that became an error nothing is told.

import { createHash, randomBytes } from 'node:crypto'

/**
 * An event that is complete.
 *
 * @typedef {{ id: string, type: string, txn: string, line: string }} Line
 */

/** Collects while one request is answered. */
export class Collected {
  #issuer
  #events = []
  #unmade = []
  #succeeded = false
  #code

  /** The claims of the ID token of this response, where it has one. */
  idTokenClaims

  /** When the code of this request was used up, in seconds. */
  codeUsedAt

  /** @param {string} issuer the provider's identifier */
  constructor(issuer) {
    this.#issuer = issuer
  }

  /**
   * Adds an event.
   *
   * @param {string} type
   * @param {object} members those that the type has
   * @param {{ time?: number, late?: () => object }} [more] when it happened, if not now; and members
   *   that are known only when all else has been done
   */
  add(type, members, { time = now(), late } = {}) {
    this.#events.push({ head: { type, id: uuidv7(), time }, members, late })
  }

  /**
   * Does what adds an event. If that goes wrong the event is missing, and nothing else is.
   *
   * @param {string} type
   * @param {() => void | Promise<void>} make
   */
  attempt(type, make) {
    const failed = (error) => void this.#unmade.push({ type, error })
    try {
      return make()?.catch(failed)
    } catch (error) {
      return failed(error)
    }
  }

  /**
   * The request is that in which a code was made, or used. Its events then share their `txn` with
   * those of the other one.
   *
   * @param {string} code
   */
  isOfCode(code) {
    this.#code = code
  }

  /** The response is a success. */
  succeeded() {
    this.#succeeded = true
  }

  /** It is an error after all. */
  failed() {
    this.#succeeded = false
    this.#events = []
    this.#unmade = []
  }

  /**
   * The events in their order, and those of which there is nothing to tell but what went wrong.
   *
   * @returns {{ events: Line[], unmade: { type: string, error: Error }[] }}
   */
  finish() {
    if (!this.#succeeded) return { events: [], unmade: [] }
    const txn = this.#code === undefined ? uuidv7() : ofCode(this.#code)
    const events = []
    for (const { head, members, late } of this.#events) {
      this.attempt(head.type, () => {
        const event = { ...head, txn, issuer: this.#issuer, ...members, ...late?.() }
        events.push({ ...head, txn, line: JSON.stringify(event) })
      })
    }
    return { events, unmade: this.#unmade }
  }
}

/** The present, in seconds with milliseconds. */
export function now() {
  return Date.now() / 1000
}

/**
 * The `txn` of a code: two requests, of two provider processes perhaps, come to the same one by
 * themselves, and nobody comes back from it to the code.
 */
function ofCode(code) {
  const hash = createHash('sha256').update('op-listener txn\0').update(code)
  return hash.digest('base64url').slice(0, 22)
}

/** A UUID of version 7 (RFC 9562 section 5.7). */
function uuidv7() {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(Date.now(), 0, 6)
  bytes[6] = (bytes[6] & 0x0f) | 0x70
  bytes[8] = (bytes[8] & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  const ends = [8, 12, 16, 20, 32]
  return ends.map((end, n) => hex.slice(ends[n - 1] ?? 0, end)).join('-')
}
