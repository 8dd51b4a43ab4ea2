/**
 * Secrets on their way into a request: had anew for each one, and kept out of whatever is told.
 */
import { Effect, Redacted } from "effect"

/**
 * A secret, or an effect that gets it: that is run again for every write, so that a rotated one is picked up.
 *
 * @since 0.1.0
 * @category models
 */
export type Secret = Redacted.Redacted | Effect.Effect<Redacted.Redacted, unknown>

export interface Credentials {
  /** The value of `authorization`. */
  readonly header: Redacted.Redacted
  /** What no log may repeat. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
}

/** HTTP's Basic scheme, in UTF-8. */
export const basic = (username: string, password: string, secret: string): Credentials => {
  let binary = ""
  for (const byte of new TextEncoder().encode(`${username}:${password}`)) binary += String.fromCharCode(byte)
  const encoded = btoa(binary)
  return { header: Redacted.make(`Basic ${encoded}`), secrets: [Redacted.make(encoded), Redacted.make(secret)] }
}

/** Why it could not be had is not told: that may repeat the secret. */
export const secretOf = (option: string, secret: Secret): Effect.Effect<string, string> =>
  Redacted.isRedacted(secret)
    ? Effect.succeed(Redacted.value(secret))
    : secret.pipe(
        Effect.map(Redacted.value),
        Effect.catchAllCause(() => Effect.fail(`the ${option} could not be had`))
      )

/** A server or proxy that repeats what it was sent does not get secrets into logs. */
export const withoutSecrets = (words: string, secrets: ReadonlyArray<Redacted.Redacted>): string => {
  let left = words
  for (const secret of secrets) {
    const text = Redacted.value(secret)
    // Anything shorter is a part of any text.
    if (text.length >= 3) left = left.split(text).join("<redacted>")
  }
  return left
}
