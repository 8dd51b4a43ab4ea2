/**
 * Whether a request has become a websocket. Many a client offers that to a handler that answers it like any other, and what
 * a handler makes of one says nothing of the handshake: so the request that it gets tells when its socket opens.
 */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as Socket from "@effect/platform/Socket"
import { Effect } from "effect"
import type { Exchange } from "./exchange.js"

type Request = HttpServerRequest.HttpServerRequest

/** Routers hand on what they make of a request by `modify`. */
export const hearUpgrade = (exchange: Exchange, request: Request = exchange.request): void => {
  const { upgrade } = request
  const modify = request.modify.bind(request)
  const opened = Effect.sync(() => exchange.upgraded())
  const put = (key: keyof Request, value: unknown): boolean =>
    Reflect.defineProperty(request, key, { configurable: true, value })
  put(
    "upgrade",
    Effect.map(upgrade, (socket) => telling(socket, opened))
  )
  put("modify", (options: Parameters<typeof modify>[0]) => {
    const modified = modify(options)
    hearUpgrade(exchange, modified)
    return modified
  })
}

interface RunOptions {
  readonly onOpen?: Effect.Effect<void> | undefined
}

const telling = (socket: Socket.Socket, opened: Effect.Effect<void>): Socket.Socket => {
  const and = (options: RunOptions | undefined): RunOptions => ({
    onOpen: options?.onOpen === undefined ? opened : Effect.zipRight(opened, options.onOpen)
  })
  return {
    ...socket,
    run: (handler, options) => socket.run(handler, and(options)),
    runRaw: (handler, options) => socket.runRaw(handler, and(options))
  }
}
