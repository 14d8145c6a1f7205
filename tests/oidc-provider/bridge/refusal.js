// The error that leaves in place of a response of which the host could not be told.

const ERROR = {
  error: 'temporarily_unavailable',
  error_description: 'the request cannot be recorded at the moment, try again later',
}

/**
 * Replaces a response.
 *
 * @param {import('koa').Context} ctx the context of a request to the provider
 */
export function refuse(ctx) {
  const { route, params, responseMode } = ctx.oidc
  const atAuthorization = route === 'authorization' || route === 'resume'
  if (atAuthorization && (responseMode === 'query' || responseMode === 'fragment')) {
    // RFC 6749 sections 4.1.2.1 and 4.2.2.1, and RFC 9207 for `iss`.
    const { redirect_uri, state } = params
    const answer = { ...ERROR, ...(state !== undefined && { state }), iss: ctx.oidc.issuer }
    ctx.redirect(withAnswer(redirect_uri, answer, responseMode))
    ctx.status = 303
    return
  }
  ctx.status = 503
  ctx.set('Retry-After', '1')
  ctx.body = ERROR
}

function withAnswer(uri, answer, mode) {
  const url = new URL(uri)
  if (mode === 'fragment') url.hash = new URLSearchParams(answer).toString()
  else for (const [name, value] of Object.entries(answer)) url.searchParams.set(name, value)
  return url.href
}
