/**
 * The name of the machine, where there is one to ask, and of this process on it.
 */
import { Effect } from "effect"
import type * as Os from "node:os"
import { load } from "./node.js"

/** `undefined` in a browser. */
export const hostName: Effect.Effect<string | undefined> = Effect.tryPromise(async () =>
  (await load<typeof Os>("node:os")).hostname()
).pipe(Effect.orElseSucceed(() => undefined))

/** Another one each time, so that processes of a host are told apart, and one from that whose place it takes. */
export const processName: Effect.Effect<string> = Effect.map(
  hostName,
  (host = "unknown") => `${host}-${Math.floor(Math.random() * 2 ** 40).toString(36)}`
)
