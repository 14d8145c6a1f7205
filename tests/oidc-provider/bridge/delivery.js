// Gets events to the host: at once and again within a time limit, and then, where responses leave
// all the same, later and in their order. The bounds that keep an absent host from costing the
// provider its memory or its users their patience are here.

import { setTimeout as sleep } from 'node:timers/promises'

/** Waits between attempts while a response waits, in milliseconds: this, doubled each time. */
const FIRST_PAUSE = 50
/** Between attempts with events that are kept. */
const LONGEST_PAUSE = 5000
/** How long the host has for events that are kept; no response waits for them. */
const PATIENCE = 30_000
/** As many of them are posted at once. The host says of a hundred why it refuses them. */
const BATCH_EVENTS = 100
const BATCH_LENGTH = 1 << 19

/** @typedef {import('./collected.js').Line} Line */

/** The host was not told, and the response must not leave. */
export class NotTold extends Error {}

/** Delivers the events of responses. */
export class Delivery {
  #host
  #settings
  #waiting = 0
  /** @type {Line[]} */
  #kept = []
  #draining
  #wake = () => {}
  #closed = false
  #givenUp = false
  /** Why the host did not take what is kept. */
  #why = 'it was not asked yet'
  /** Events lost since the host was last there. */
  #lostInARow = 0
  #counts = { posted: 0, late: 0, refused: 0, lost: 0 }

  /**
   * @param {import('./host.js').Host} host
   * @param {ReturnType<typeof import('./options.js').checked>} settings
   */
  constructor(host, settings) {
    this.#host = host
    this.#settings = settings
  }

  /** @returns {import('./index.js').Counts} */
  counts() {
    return { ...this.#counts, waiting: this.#kept.length }
  }

  /**
   * Delivers the events of one response; done when the response may leave.
   *
   * @param {ReturnType<typeof import('./collected.js').Collected.prototype.finish>} of
   * @throws {NotTold} with `onFailure: 'refuse'`
   */
  async deliver({ events, unmade }) {
    const keeps = this.#settings.onFailure === 'continue'
    for (const { type, error } of unmade) {
      this.#counts.lost += 1
      this.#say('error', `the ${type} of a response cannot be told: ${error?.stack ?? error}`)
    }
    if (unmade.length > 0 && !keeps) throw new NotTold('an event of this response cannot be told')
    if (events.length === 0) return
    // What came before goes first: the host must hear of a code before it hears of its exchange.
    if (keeps && this.#kept.length > 0) return this.#keep(events)
    let left = events
    let why = 'too many responses wait for the host'
    if (this.#closed) {
      why = 'the bridge is closed'
    } else if (this.#waiting < this.#settings.maxWaiting) {
      this.#waiting += 1
      try {
        const tried = await this.#tryInTime(events)
        if (tried.refused && !keeps) throw new NotTold('the host refuses an event of this response')
        ;({ left, why } = tried)
      } finally {
        this.#waiting -= 1
      }
    }
    if (left.length === 0) return
    if (!keeps) {
      this.#say('error', `the host could not be told of ${named(left)}: ${why}; the response is refused`)
      throw new NotTold(why)
    }
    if (this.#kept.length === 0) {
      this.#say('error', `the host could not be told of ${named(left)}: ${why}; responses leave all the same, and it will be told later`)
    }
    this.#keep(left)
  }

  /** Posts events, and again while there is time. */
  async #tryInTime(events) {
    const { timeout, retries } = this.#settings
    const deadline = performance.now() + timeout
    let left = events
    let refused = false
    for (let attempt = 0, pause = FIRST_PAUSE; ; attempt += 1, pause *= 2) {
      const tried = await this.#try(left, deadline - performance.now())
      left = tried.again
      refused ||= tried.refused
      if (left.length === 0) return { left, refused }
      const wait = Math.max(tried.retryAfter, pause * (0.5 + Math.random()))
      if (attempt >= retries || performance.now() + wait >= deadline) {
        return { left, refused, why: tried.why }
      }
      await sleep(wait)
    }
  }

  /** Posts events once. */
  async #try(events, timeout) {
    try {
      const { refused, again, retryAfter } = await this.#host.post(events, timeout)
      for (const { event, reason } of refused) {
        this.#say('error', `the host refuses the ${event.type} ${event.id}: ${reason}`)
      }
      const taken = events.length - refused.length - again.length
      this.#counts.refused += refused.length
      this.#counts.posted += taken
      const why = 'it has too much to do'
      return { again, taken, refused: refused.length > 0, retryAfter, why }
    } catch ({ message: why, retryAfter = 0 }) {
      return { again: events, taken: 0, refused: false, retryAfter, why }
    }
  }

  #keep(events) {
    if (this.#closed || this.#kept.length + events.length > this.#settings.maxKept) {
      this.#counts.lost += events.length
      if (this.#lostInARow === 0) {
        const why = this.#closed ? 'the bridge is closed' : `${this.#kept.length} events are kept already`
        this.#say('error', `${named(events)} and what follows is lost: ${why}`)
      }
      this.#lostInARow += events.length
      return
    }
    this.#kept.push(...events)
    this.#draining ??= this.#drain()
  }

  /** Posts what is kept, until nothing is. */
  async #drain() {
    let pause = FIRST_PAUSE
    let told = 0
    while (this.#kept.length > 0) {
      const batch = this.#batch()
      const { again, taken, retryAfter, why } = await this.#try(batch, PATIENCE)
      this.#counts.late += taken
      told += taken
      if (this.#givenUp) return
      this.#kept.splice(0, batch.length, ...again)
      this.#why = why
      pause = again.length === 0 ? FIRST_PAUSE : Math.min(pause * 2, LONGEST_PAUSE)
      if (again.length > 0) await this.#pause(Math.max(pause, retryAfter))
    }
    if (this.#givenUp) return
    this.#draining = undefined
    const lost = this.#lostInARow
    this.#lostInARow = 0
    this.#say('info', `the host is back: ${told} events were told late, ${lost} were lost`)
  }

  /**
   * The first of what is kept. The host may take one event of a batch and not the one before: so a
   * code's exchange is in another batch than its authorisation, without which it means nothing.
   */
  #batch() {
    let length = 0
    const authorized = new Set()
    const end = this.#kept.findIndex(({ type, txn, line }, count) => {
      length += line.length
      if (type === 'authorization_completed') authorized.add(txn)
      const isOver = count === BATCH_EVENTS || length > BATCH_LENGTH
      return count > 0 && (isOver || (type === 'code_exchanged' && authorized.has(txn)))
    })
    return end < 0 ? [...this.#kept] : this.#kept.slice(0, end)
  }

  /** Waits; not for long any more once the bridge is to be closed. */
  #pause(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#closed ? FIRST_PAUSE : milliseconds)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /**
   * Gives the host some milliseconds to take what is kept; gives up the rest.
   *
   * @param {number} timeout
   */
  async close(timeout) {
    this.#closed = true
    if (this.#draining === undefined) return
    this.#wake()
    const end = new AbortController()
    const late = sleep(timeout, undefined, { signal: end.signal }).catch(() => {})
    await Promise.race([this.#draining, late])
    end.abort()
    if (this.#kept.length === 0) return
    this.#givenUp = true
    this.#wake()
    this.#counts.lost += this.#kept.length
    this.#say('error', `${named(this.#kept)} lost at the end: ${this.#why}`)
    this.#kept = []
  }

  #say(level, message) {
    try {
      this.#settings.log[level](`op-listener bridge: ${message}`)
    } catch {
      // A log that fails is no reason for a sign-in to fail.
    }
  }
}

/** Events by type and id: nothing in them is secret. */
function named(events) {
  const [{ type, id }] = events
  return `${type} ${id}${events.length > 1 ? ` and ${events.length - 1} more` : ''}`
}
