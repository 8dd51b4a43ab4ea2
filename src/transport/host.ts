/**
 * The name of the machine, where there is one to ask.
 */
import { Effect } from "effect"

const specifier: string = "node:os"

/** `undefined` in a browser. */
export const hostName: Effect.Effect<string | undefined> = Effect.tryPromise(async () => {
  const os = (await import(/* @vite-ignore */ specifier)) as { readonly hostname: () => string }
  return os.hostname()
}).pipe(Effect.orElseSucceed(() => undefined))
