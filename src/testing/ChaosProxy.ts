/**
 * A TCP proxy on this machine that spoils the connections to a backend, and servers behind one: for the faults that
 * `SinkContract` asks a backend to play, and for tests of apps. Its own import, as it needs Node.
 *
 * @example
 * import { Effect } from "effect"
 * import * as ChaosProxy from "effect-metrics/testing/ChaosProxy"
 *
 * const test = Effect.gen(function* () {
 *   const proxy = yield* ChaosProxy.make({ port: 8086 })
 *   // A sink that writes to `http://127.0.0.1:${proxy.port}` gets no further from here on.
 *   yield* proxy.fault("hang")
 * })
 *
 * @module effect-metrics/testing/ChaosProxy
 * @since 0.1.0
 */
import { Effect, type Scope } from "effect"
import { Buffer } from "node:buffer"
import * as Http from "node:http"
import * as Net from "node:net"
import { gunzipSync } from "node:zlib"
import type { Fault } from "./contract/subject.js"

/**
 * A proxy that runs, and the fault that it plays.
 *
 * @since 0.1.0
 * @category models
 */
export interface ChaosProxy {
  readonly host: string
  readonly port: number
  /** Done when the fault is played. Connections that hung go on where they were. */
  readonly fault: (fault: Fault) => Effect.Effect<void>
}

const host = "127.0.0.1"

/** 64 bytes every 4 ms are 16 kB a second. */
const trickle = { bytes: 64, millis: 4 }

/** One direction of a connection: what has come and has not been passed on. */
class Pipe {
  private readonly waiting: Array<Uint8Array> = []
  private timer: ReturnType<typeof setTimeout> | undefined
  private ended = false

  constructor(
    private readonly from: Net.Socket,
    private readonly to: Net.Socket,
    private readonly fault: () => Fault
  ) {
    from.on("data", (bytes) => {
      this.waiting.push(bytes)
      from.pause()
      this.pass()
    })
    from.on("end", () => {
      this.ended = true
      this.pass()
    })
    to.on("drain", () => this.pass())
    to.on("close", () => clearTimeout(this.timer))
  }

  /** Passes on what the present fault lets through; at most one piece is held, so that senders are slowed down too. */
  readonly pass = (): void => {
    clearTimeout(this.timer)
    const fault = this.fault()
    if (fault === "hang") {
      this.from.pause()
      return
    }
    const next = this.waiting.shift()
    if (next === undefined) {
      if (this.ended) this.to.end()
      else this.from.resume()
      return
    }
    if (this.to.destroyed) return
    if (fault === "slow") {
      if (next.length > trickle.bytes) this.waiting.unshift(next.subarray(trickle.bytes))
      this.to.write(next.subarray(0, trickle.bytes))
      this.timer = setTimeout(this.pass, trickle.millis)
    } else if (this.to.write(next)) this.pass()
  }
}

/** Gives the port. */
const listen = (server: Net.Server, port: number): Effect.Effect<number> =>
  Effect.async<number, Error>((resume) => {
    const failed = (error: Error): void => resume(Effect.fail(error))
    server.once("error", failed)
    server.listen(port, host, () => {
      server.off("error", failed)
      // A server that listens on a port has an address with one.
      resume(Effect.succeed((server.address() as Net.AddressInfo).port))
    })
  }).pipe(Effect.orDie)

const stopListening = (server: Net.Server): Effect.Effect<void> =>
  Effect.async((resume) => {
    // Done at once where it does not listen.
    server.close(() => resume(Effect.void))
  })

/**
 * Keeps the system from giving ports away on which nobody listens for a while: to another proxy, say, which then got what was
 * meant for this one. A port is taken as long as a connection leaves from it.
 */
const makeKeeper: Effect.Effect<
  { readonly keep: (port: number) => Effect.Effect<void>; readonly giveBack: () => void },
  never,
  Scope.Scope
> = Effect.gen(function* () {
  const server = Net.createServer((socket) => socket.on("error", () => {}))
  let kept: Net.Socket | undefined
  const giveBack = (): void => {
    kept?.resetAndDestroy()
    kept = undefined
  }
  const serverPort = yield* Effect.acquireRelease(listen(server, 0), () => Effect.suspend(() => stopListening(server)))
  yield* Effect.addFinalizer(() => Effect.sync(giveBack))
  return {
    keep: (port) =>
      Effect.async((resume) => {
        giveBack()
        // Where it cannot be kept, it is free, as any other.
        const done = (): void => resume(Effect.void)
        kept = Net.connect({ host, port: serverPort, localAddress: host, localPort: port }, done).on("error", done)
      }),
    giveBack
  }
})

interface Link {
  readonly release: () => void
  readonly reset: () => void
}

/**
 * A proxy in front of a TCP backend, HTTP or lines, on a free port. It passes everything on until it is told otherwise; its
 * scope ends all connections.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (target: {
  /** Default `127.0.0.1`. */
  readonly host?: string | undefined
  readonly port: number
}): Effect.Effect<ChaosProxy, never, Scope.Scope> =>
  Effect.gen(function* () {
    const links = new Set<Link>()
    let fault: Fault = "none"

    const accept = (client: Net.Socket): void => {
      client.on("error", () => {})
      if (fault === "close") {
        client.destroy()
        return
      }
      const pipes: Array<Pipe> = []
      let backend: Net.Socket | undefined
      const link: Link = {
        release: () => {
          if (backend === undefined && fault !== "hang") connect()
          for (const pipe of pipes) pipe.pass()
        },
        reset: () => {
          client.resetAndDestroy()
          backend?.resetAndDestroy()
        }
      }
      const connect = (): void => {
        const socket = (backend = Net.connect({ host: target.host ?? host, port: target.port, allowHalfOpen: true }))
        socket.on("error", () => client.destroy())
        pipes.push(new Pipe(client, socket, () => fault), new Pipe(socket, client, () => fault))
      }
      links.add(link)
      client.on("close", () => {
        links.delete(link)
        // One that ended in order has been passed on to the end.
        backend?.destroy()
      })
      link.release()
    }

    const server = Net.createServer({ allowHalfOpen: true }, accept)
    const reset = (): void => {
      for (const link of links) link.reset()
    }
    const stop = Effect.suspend(() => {
      reset()
      return stopListening(server)
    })

    const keeper = yield* makeKeeper
    const port = yield* Effect.acquireRelease(listen(server, 0), () => stop)
    return {
      host,
      port,
      fault: (next) =>
        Effect.suspend(() => {
          fault = next
          if (next === "down") return Effect.zipRight(stop, keeper.keep(port))
          keeper.giveBack()
          if (next === "close") reset()
          for (const link of links) link.release()
          return server.listening ? Effect.void : Effect.asVoid(listen(server, port))
        })
    }
  })

/**
 * A server that takes lines, behind a proxy.
 *
 * @since 0.1.0
 * @category models
 */
export interface LineServer extends ChaosProxy {
  /** The lines so far, without their ends, in the order in which they came; one that a connection broke off is not among them. */
  readonly lines: Effect.Effect<ReadonlyArray<string>>
}

/**
 * A server that takes lines and answers nothing, behind a proxy: the backend of a sink that writes lines over TCP.
 *
 * @since 0.1.0
 * @category constructors
 */
export const lineServer: Effect.Effect<LineServer, never, Scope.Scope> = Effect.gen(function* () {
  const lines: Array<string> = []
  const sockets = new Set<Net.Socket>()
  const server = Net.createServer((socket) => {
    let rest = ""
    sockets.add(socket)
    socket.setEncoding("utf8")
    socket.on("data", (text: string) => {
      const parts = (rest + text).split("\n")
      rest = parts.pop() ?? ""
      for (const part of parts) lines.push(part)
    })
    socket.on("error", () => {})
    socket.on("close", () => sockets.delete(socket))
  })
  const port = yield* Effect.acquireRelease(listen(server, 0), () =>
    Effect.sync(() => {
      server.close()
      for (const socket of sockets) socket.destroy()
    })
  )
  const proxy = yield* make({ port })
  return { ...proxy, lines: Effect.sync(() => [...lines]) }
})

/**
 * A request, as the server got it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Request {
  readonly method: string
  /** With the query. */
  readonly path: string
  /** By lower-case names. */
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  /** Unpacked, if it was gzipped. */
  readonly body: string
  /** Of the body, unpacked. */
  readonly bytes: number
}

/**
 * A server that answers requests, behind a proxy.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpServer extends ChaosProxy {
  readonly url: string
  /** Those that came whole, in order. */
  readonly requests: Effect.Effect<ReadonlyArray<Request>>
}

/**
 * A server behind a proxy: the backend of a sink that writes over HTTP. It answers 204, unless told otherwise.
 *
 * @since 0.1.0
 * @category constructors
 */
export const httpServer = (
  answer: (request: Request) => { readonly status: number; readonly body?: string | undefined } = () => ({
    status: 204
  })
): Effect.Effect<HttpServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const requests: Array<Request> = []
    const server = Http.createServer((request, response) => {
      const chunks: Array<Uint8Array> = []
      request.on("data", (chunk: Uint8Array) => chunks.push(chunk))
      request.on("error", () => {})
      request.on("end", () => {
        const whole = Buffer.concat(chunks)
        const bytes = request.headers["content-encoding"] === "gzip" ? gunzipSync(whole) : whole
        const { headers, method = "", url = "" } = request
        const one = { method, path: url, headers, body: bytes.toString("utf8"), bytes: bytes.length }
        requests.push(one)
        const { body, status } = answer(one)
        response.writeHead(status).end(body)
      })
    })
    const port = yield* Effect.acquireRelease(listen(server, 0), () =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
    )
    const proxy = yield* make({ port })
    return { ...proxy, url: `http://${proxy.host}:${proxy.port}`, requests: Effect.sync(() => [...requests]) }
  })
