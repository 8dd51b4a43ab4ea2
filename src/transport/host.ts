/**
 * The name of the machine, where there is one to ask.
 */
import { Effect } from "effect"
import type * as Os from "node:os"
import { load } from "./node.js"

/** `undefined` in a browser. */
export const hostName: Effect.Effect<string | undefined> = Effect.tryPromise(async () =>
  (await load<typeof Os>("node:os")).hostname()
).pipe(Effect.orElseSucceed(() => undefined))
