/**
 * Requests whose end nobody tells. Where a client goes away, a server of Node's forgets those that wait for their turn behind
 * another one on the connection, and platform the websockets whose handshake was refused: their handlers, or what sends
 * their answers, wait for ever. Such requests end with their connection.
 */
import { Effect } from "effect"
import type { Exchange } from "./exchange.js"

/** What a request of Node's came by. */
interface Connection {
  readonly encrypted?: boolean
  /** The response whose turn it is. Not part of its interface: where it is gone, no request seems to wait. */
  readonly _httpMessage?: { readonly req?: unknown } | null
  readonly once?: (event: "close", listener: () => void) => unknown
}

/** `undefined` for a request that is not Node's. */
const connectionOf = (source: unknown): Connection | undefined =>
  // Whatever else is under that name has nothing of it.
  (source as { readonly socket?: Connection | null } | null | undefined)?.socket ?? undefined

export const isEncrypted = (source: unknown): boolean => connectionOf(source)?.encrypted === true

const waiting = new WeakMap<Connection, Set<Exchange>>()

/** How long what does end has for it when the connection is closed. */
const graceMillis = 100

/** Costs nothing for a request that has a connection for itself. */
export const watch = (exchange: Exchange): void => {
  const { source } = exchange.request
  const connection = connectionOf(source)
  if (connection?.once === undefined) return
  const current = connection._httpMessage
  const waits = current !== undefined && current !== null && current.req !== source
  if (!waits && !exchange.wantsUpgrade) return
  const all = waiting.get(connection) ?? new Set()
  if (!waiting.has(connection)) {
    waiting.set(connection, all)
    connection.once("close", () => {
      const ends = Array.from(all, (one) => one.abandoned())
      if (ends.length > 0) setTimeout(() => ends.forEach((end) => Effect.runFork(end)), graceMillis)
    })
  }
  all.add(exchange)
  exchange.whenEnded(() => all.delete(exchange))
}
