/**
 * Serves an app over HTTP/1.1 with bounds: on connections, on how long a request may take to arrive and an answer to be taken, on
 * headers, and on how long closing takes.
 */
import type * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type * as HttpApp from "@effect/platform/HttpApp"
import { Deferred, type Duration, Effect, type Scope } from "effect"
import type * as Http from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { load } from "../transport/node.js"
import { WebError } from "./failure.js"

export interface ListenOptions {
  readonly host: string
  /** 0 for one that is free. */
  readonly port: number
  /** Connections at once. A further one takes the place of the one that has been idle for longest. */
  readonly maxConnections: number
  /** How long requests that are being answered may go on when the scope closes. */
  readonly shutdownTimeout: Duration.DurationInput
  /** How long a client may take nothing of its answer. Default 30 s. */
  readonly stallMillis?: number | undefined
}

export interface Address {
  readonly host: string
  readonly port: number
  /** `http://127.0.0.1:7828` */
  readonly url: string
}

const headersMillis = 10_000
const requestMillis = 30_000
const keepAliveMillis = 15_000
const defaultStallMillis = 30_000
/** How often Node looks for requests that take too long to arrive. */
const checkingMillis = 1_000
const maxHeaders = 100
const maxHeaderBytes = 16 * 1024

const platform = Effect.tryPromise({
  try: () => load<typeof NodeHttpServer>("@effect/platform-node/NodeHttpServer"),
  catch: () =>
    new WebError({
      reason:
        'the web service needs the optional package "@effect/platform-node": npm install @effect/platform-node@^0.108'
    })
})

const node = Effect.promise(() => load<typeof Http>("node:http"))

const printUrl = (host: string, port: number): string => `http://${host.includes(":") ? `[${host}]` : host}:${port}`

const explain = (error: NodeJS.ErrnoException, { host, port }: ListenOptions): string => {
  const at = printUrl(host, port).slice("http://".length)
  const { code = "EIO" } = error
  switch (code) {
    case "EADDRINUSE":
      return `port ${port} of ${host} is in use (${code}): another process serves there`
    case "EADDRNOTAVAIL":
      return `${host} is no address of this machine (${code})`
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `${host} is no host that is known (${code})`
    case "EACCES":
    case "EPERM":
      return `binding ${at} is not allowed (${code})`
    default:
      return `${at} could not be bound (${code})`
  }
}

interface Connections {
  /** Ends those on which no request is being answered, and each other one when its answer has been sent. */
  readonly closeIdle: () => void
  readonly closeAll: () => void
}

/**
 * Keeps at most so many connections. What makes room is a connection on which no request is being answered, the oldest first:
 * so whoever opens many and sends nothing loses those, and others are served.
 */
const bound = (server: Http.Server, most: number): Connections => {
  const idle = new Set<Socket>()
  /** And how many requests are being answered. */
  const busy = new Map<Socket, number>()
  let isClosing = false
  const forget = (socket: Socket): void => {
    idle.delete(socket)
    busy.delete(socket)
  }
  server.on("connection", (socket: Socket) => {
    if (idle.size + busy.size >= most) {
      const [oldest = socket] = idle
      forget(oldest)
      oldest.destroy()
      if (oldest === socket) return
    }
    idle.add(socket)
    socket.once("close", () => forget(socket))
  })
  server.on("request", ({ socket }: Http.IncomingMessage, response: Http.ServerResponse) => {
    idle.delete(socket)
    busy.set(socket, (busy.get(socket) ?? 0) + 1)
    response.once("close", () => {
      const requests = busy.get(socket)
      if (requests === undefined) return
      if (requests > 1) return void busy.set(socket, requests - 1)
      busy.delete(socket)
      if (isClosing) socket.end()
      else if (!socket.destroyed) idle.add(socket)
    })
  })
  // Of a connection that is kept for later too. One whose answer is still being made has nothing to take.
  server.on("timeout", (socket: Socket) => {
    if (idle.has(socket) || socket.writableLength > 0) socket.destroy()
  })
  return {
    closeIdle: () => {
      isClosing = true
      for (const socket of idle) socket.destroy()
    },
    closeAll: () => {
      for (const socket of [...idle, ...busy.keys()]) socket.destroy()
    }
  }
}

const listening = (server: Http.Server, options: ListenOptions): Effect.Effect<Address, WebError> =>
  Effect.async((resume) => {
    const onError = (error: NodeJS.ErrnoException): void =>
      resume(Effect.fail(new WebError({ reason: explain(error, options) })))
    server.once("error", onError)
    server.listen({ host: options.host, port: options.port, backlog: 1024 }, () => {
      server.off("error", onError)
      // It listens on a port, so its address has this form.
      const { address, port } = server.address() as AddressInfo
      resume(Effect.succeed({ host: address, port, url: printUrl(address, port) }))
    })
  })

const close = (server: Http.Server, connections: Connections, patience: Duration.DurationInput): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (!server.listening) return
    const closed = yield* Deferred.make<void>()
    server.close(() => Deferred.unsafeDone(closed, Effect.void))
    connections.closeIdle()
    yield* Deferred.await(closed).pipe(Effect.interruptible, Effect.timeoutOption(patience))
    connections.closeAll()
    yield* Deferred.await(closed)
  })

/** Serves until the scope closes. What is being answered then is answered, within `shutdownTimeout`. */
export const listen = (app: HttpApp.Default, options: ListenOptions): Effect.Effect<Address, WebError, Scope.Scope> =>
  Effect.gen(function* () {
    const { makeHandler } = yield* platform
    const { createServer } = yield* node
    // The page asks each second: spans of that would drown an app's own.
    const handler = yield* Effect.withTracerEnabled(makeHandler(app), false)
    const { server } = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const server = createServer({
          headersTimeout: headersMillis,
          requestTimeout: requestMillis,
          keepAliveTimeout: keepAliveMillis,
          connectionsCheckingInterval: checkingMillis,
          maxHeaderSize: maxHeaderBytes,
          noDelay: true
        })
        server.maxHeadersCount = maxHeaders
        server.timeout = options.stallMillis ?? defaultStallMillis
        // Without a listener for upgrades, what offers one is answered as any request.
        server.on("request", handler)
        return { server, connections: bound(server, options.maxConnections) }
      }),
      ({ connections, server }) => close(server, connections, options.shutdownTimeout)
    )
    return yield* listening(server, options)
  })
