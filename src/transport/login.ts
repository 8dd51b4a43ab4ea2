/**
 * The credentials that users give to sinks over HTTP: a token, or a name and a password.
 */
import { Effect, Redacted } from "effect"
import { type Refuse, show } from "../delivery/checks.js"
import { basic, type Credentials, type Secret, secretOf } from "./credentials.js"

export interface Login {
  readonly token?: Secret | undefined
  readonly username?: string | undefined
  readonly password?: Secret | undefined
}

// Line breaks would be headers of their own; a password is in Base64, so it may be anything.
const isToken = (text: string): boolean => /^[\x21-\x7e]+$/.test(text)

const tokenExpected = "of visible ASCII characters only"

export const checkLogin = ({ password, token, username }: Login, refuse: Refuse): void => {
  if (Redacted.isRedacted(token) && !isToken(Redacted.value(token))) refuse("token", "<redacted>", tokenExpected)
  if (token !== undefined && (username !== undefined || password !== undefined)) {
    refuse("token", "<redacted>", "given together with username and password: it is one or the other")
  }
  if ((username === undefined) !== (password === undefined)) {
    refuse(username === undefined ? "username" : "password", "undefined", "given: user name and password go together")
  }
  if (username !== undefined && (username === "" || /[:\p{Cc}]/u.test(username))) {
    refuse("username", show(username), "a name without colon and control characters")
  }
}

/** `undefined` where there are no credentials. Fails with the reason if they cannot be had. */
export const authorizationOf = ({
  password,
  token,
  username
}: Login): Effect.Effect<Credentials | undefined, string> => {
  if (token !== undefined) {
    return Effect.flatMap(secretOf("token", token), (secret) =>
      isToken(secret)
        ? Effect.succeed({ header: Redacted.make(`Bearer ${secret}`), secrets: [Redacted.make(secret)] })
        : Effect.fail(`the token is not ${tokenExpected}`)
    )
  }
  if (username === undefined || password === undefined) return Effect.succeed(undefined)
  return Effect.map(secretOf("password", password), (secret) => basic(username, secret, secret))
}
