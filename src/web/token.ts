/** Who may read: whoever has the token, or name and password. */
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
 * says nothing about how much of a guess is right, nor how long the token is. That of `"basic"` is name and password in Base64.
 */
export const authorizer = (
  token: Redacted.Redacted | undefined,
  scheme: "bearer" | "basic" = "bearer"
): Effect.Effect<(authorization: string | undefined) => Effect.Effect<boolean>> => {
  if (token === undefined) return Effect.succeed(() => Effect.succeed(true))
  return Effect.map(
    Effect.promise(() => digest(Redacted.value(token))),
    (expected) => (authorization) => {
      const [, name, given] = /^(bearer|basic) +(\S+) *$/i.exec(authorization ?? "") ?? []
      return given === undefined || name?.toLowerCase() !== scheme
        ? Effect.succeed(false)
        : Effect.map(
            Effect.promise(() => digest(given)),
            (found) => isSame(found, expected)
          )
    }
  )
}
