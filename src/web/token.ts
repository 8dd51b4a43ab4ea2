/** Who may read: whoever has the token. */
import { Effect, Redacted } from "effect"

const digest = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)))

/** Takes as long wherever they differ. */
const isSame = (a: Uint8Array, b: Uint8Array): boolean => {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ (b[i] ?? 0)
  return difference === 0
}

/**
 * Whether a request with this `Authorization` may read. The digests are compared, not the tokens, so that how long it takes
 * says nothing about how much of a guess is right, nor how long the token is.
 */
export const authorizer = (
  token: Redacted.Redacted | undefined
): Effect.Effect<(authorization: string | undefined) => Effect.Effect<boolean>> => {
  if (token === undefined) return Effect.succeed(() => Effect.succeed(true))
  return Effect.map(
    Effect.promise(() => digest(Redacted.value(token))),
    (expected) => (authorization) => {
      const given = /^bearer +(\S+) *$/i.exec(authorization ?? "")?.[1]
      return given === undefined
        ? Effect.succeed(false)
        : Effect.map(
            Effect.promise(() => digest(given)),
            (found) => isSame(found, expected)
          )
    }
  )
}
