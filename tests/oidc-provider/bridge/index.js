// What an operator calls: `attach` makes a provider tell the host of each response, before the
// response leaves. What is told is put together in `collected.js`, how it gets there is in
// `delivery.js`.

import { AsyncLocalStorage } from 'node:async_hooks'

import { Collected } from './collected.js'
import { Delivery, NotTold } from './delivery.js'
import { Host } from './host.js'
import { checked } from './options.js'
import { refuse } from './refusal.js'
import { listen } from './taps.js'

/** @typedef {import('./options.js').Options} Options */

const attached = new WeakSet()

/**
 * What the bridge has done so far.
 *
 * @typedef {object} Counts
 * @property {number} posted events that the host has taken
 * @property {number} late how many of these it got after the response had left
 * @property {number} refused events that the host refused for good
 * @property {number} lost events that were given up, for want of room or at the end
 * @property {number} waiting events that are kept until the host is back
 */

/**
 * A provider that tells the host.
 *
 * @typedef {object} Bridge
 * @property {<T>(work: () => Promise<T>) => Promise<T>} run
 *   Does work that issues tokens outside of any request to the provider; what it gives back is
 *   given back when the host has been told. With `onFailure: 'refuse'` it rejects where the host
 *   could not be.
 * @property {() => Counts} counts what has been done so far
 * @property {(options?: { timeout?: number }) => Promise<void>} close
 *   Gives the host `timeout` milliseconds (5000) to take what is still kept, and ends the
 *   connections. To be called when the provider takes no more requests.
 */

/**
 * Makes a provider tell the host of the tokens that it issues.
 *
 * @param {import('oidc-provider').default} provider a provider that serves nothing yet
 * @param {Options} options where the host is, see README.md
 * @returns {Bridge}
 * @throws {TypeError} for options that are wrong, with what would be right
 * @throws {Error} for a provider of a kind that it does not know, or that it is attached to already
 */
export function attach(provider, options) {
  const settings = checked(options)
  if (attached.has(provider)) throw new Error('the bridge is attached to this provider already')
  const storage = new AsyncLocalStorage()
  const host = new Host(settings)
  const delivery = new Delivery(host, settings)
  listen(provider, () => storage.getStore(), settings)
  attached.add(provider)

  provider.use(async function tellHost(ctx, next) {
    const collected = new Collected(provider.issuer)
    await storage.run(collected, next)
    try {
      await delivery.deliver(collected.finish())
    } catch (error) {
      if (!(error instanceof NotTold)) throw error
      refuse(ctx)
    }
  })

  return {
    async run(work) {
      const collected = new Collected(provider.issuer)
      const result = await storage.run(collected, work)
      collected.succeeded()
      await delivery.deliver(collected.finish())
      return result
    },
    counts: () => delivery.counts(),
    async close({ timeout = 5000 } = {}) {
      await delivery.close(timeout)
      host.close()
    },
  }
}
