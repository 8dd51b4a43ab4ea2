/**
 * Stands in for OpenTSDB on one port of the loopback, for lines and for HTTP: as strict as it in what it takes, and with its
 * words for what it does not take. It can be told to be slow of hearing, impatient or gone.
 */
import { Effect, type Scope } from "effect"
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { gunzipSync } from "node:zlib"
import { Complaint, parseLine, parsePoint, readBody, type Stored } from "../../encoding/openTsdb.js"

export interface Behaviour {
  /** Whether it answers `version`. */
  version: "answers" | "unknown" | "silent"
  /** So many further lines get no more than a plea for patience. */
  throttles: number
  /** Resets the connection, once, when so many further lines have been read. */
  resetsAfter: number
  /** Metrics that it has no name for, as auto-creation is off. */
  unknown: ReadonlySet<string>
  /** So many further points of a request cannot be stored. */
  storageFails: number
  /** Answers requests in place of the server. */
  answers: ((request: Asked, response: ServerResponse) => boolean) | undefined
}

export interface Asked {
  readonly url: string
  readonly headers: IncomingMessage["headers"]
  readonly body: string
  /** On the wire. */
  readonly bytes: number
}

export interface Tsd {
  readonly port: number
  readonly url: string
  readonly behaviour: Behaviour
  /** In the order in which it read them. */
  readonly stored: Array<Stored>
  /** All lines without their LF, as they came. */
  readonly lines: Array<string>
  /** What it complained about. */
  readonly complaints: Array<string>
  readonly asked: Array<Asked>
  /** How many connections there were. */
  readonly connections: () => number
  /** How many there are. */
  readonly open: () => number
  /** Ends its side of the connections there are, and goes on reading. */
  readonly halfClose: () => void
  /** Ends, and listens no more. */
  readonly stop: () => Promise<void>
  /** Listens again on the same port. */
  readonly start: () => Promise<void>
}

const maxLine = 1024
/** Larger requests look chunked to the server's HTTP library. */
const maxBody = 8192

const make = async (): Promise<Tsd> => {
  const behaviour: Behaviour = {
    version: "answers",
    throttles: 0,
    resetsAfter: Infinity,
    unknown: new Set(),
    storageFails: 0,
    answers: undefined
  }
  const stored: Array<Stored> = []
  const lines: Array<string> = []
  const complaints: Array<string> = []
  const asked: Array<Asked> = []
  const sockets = new Set<Socket>()
  let connections = 0

  const complain = (words: string): string => {
    complaints.push(words)
    return words
  }

  const store = (point: Stored): void => {
    if (behaviour.unknown.has(point.metric)) {
      throw new Complaint(`unknown metric: No such name for 'metrics': '${point.metric}'`)
    }
    stored.push(point)
  }

  /** What it says to a line. */
  const hear = (line: string): string => {
    lines.push(line)
    const [command = ""] = line.split(" ")
    if (command === "put") {
      if (behaviour.throttles > 0) {
        behaviour.throttles--
        return complain("put: Please throttle writes: 10000 RPCs waiting on region\n")
      }
      try {
        store(parseLine(line.slice(4)))
        return ""
      } catch (error) {
        if (error instanceof Complaint) return complain(`put: ${error.message}\n`)
        throw error
      }
    }
    if (command === "version" && behaviour.version !== "unknown") {
      return behaviour.version === "silent"
        ? ""
        : "net.opentsdb.tools 2.4.0 built at revision 0000000 (MINT)\nBuilt on 2018/12/16 02:26:51 +0000 by root@build:/\n"
    }
    return complain(`unknown command: ${command}.  Try \`help'.\n`)
  }

  const listenToLines = (socket: Socket): void => {
    let rest = ""
    socket.on("data", (bytes) => {
      const parts = (rest + bytes.toString("latin1")).split("\n")
      rest = parts.pop() ?? ""
      for (const part of parts) {
        if (socket.destroyed) return
        if (part.length >= maxLine) complain(`error: frame length (${part.length}) exceeds the allowed maximum\n`)
        const said = hear(part.replace(/\r$/, ""))
        if (said !== "" && socket.writable) socket.write(said)
        if (--behaviour.resetsAfter > 0) continue
        behaviour.resetsAfter = Infinity
        socket.resetAndDestroy()
      }
    })
  }

  const put = (url: URL, { body, bytes, headers }: Asked, response: ServerResponse): void => {
    const say = (status: number, words?: unknown): void => {
      const text = words === undefined ? "" : JSON.stringify(words)
      response.writeHead(status, text === "" ? {} : { "content-type": "application/json" }).end(text)
    }
    const fail = (code: number, message: string): void => say(code, { error: { code, message, details: "" } })
    if (headers["content-length"] === undefined || bytes > maxBody) return fail(400, "Chunked request not supported.")
    let points: ReadonlyArray<unknown>
    try {
      points = readBody(body)
    } catch {
      return fail(400, "Unable to parse the given JSON")
    }
    if (points.length === 0) return fail(400, "No datapoints found in content")
    const errors: Array<{ readonly datapoint: unknown; readonly error: string }> = []
    let invalid = 0
    for (const point of points) {
      try {
        const read = parsePoint(point)
        if (behaviour.storageFails > 0) {
          behaviour.storageFails--
          errors.push({ datapoint: echo(point), error: "Storage exception: RemoteException" })
        } else store(read)
      } catch (error) {
        if (!(error instanceof Complaint)) throw error
        invalid++
        errors.push({ datapoint: echo(point), error: complain(error.message) })
      }
    }
    const [success, failed] = [points.length - errors.length, errors.length]
    if (url.searchParams.has("details")) return say(invalid > 0 ? 400 : 200, { success, failed, errors })
    if (failed > 0) return fail(400, "One or more data points had errors")
    return say(204)
  }

  const http = createHttpServer((request, response) => {
    const parts: Array<Buffer> = []
    request
      .on("data", (part: Buffer) => parts.push(part))
      .on("end", () => {
        const packed = Buffer.concat(parts)
        const isPacked = request.headers["content-encoding"] === "gzip"
        const one: Asked = {
          url: request.url ?? "",
          headers: request.headers,
          body: (isPacked ? gunzipSync(packed) : packed).toString("utf8"),
          bytes: packed.length
        }
        asked.push(one)
        if (behaviour.answers?.(one, response) === true) return
        const url = new URL(one.url, "http://localhost")
        if (url.pathname === "/api/put" && request.method === "POST") put(url, one, response)
        else response.writeHead(404).end()
      })
  })

  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections++
    sockets.add(socket)
    socket.on("error", () => {})
    socket.on("close", () => sockets.delete(socket))
    socket.on("end", () => socket.end())
    socket.once("data", (bytes) => {
      socket.pause()
      socket.unshift(bytes)
      // By the first byte, as OpenTSDB does it.
      if (bytes[0]! >= 65 && bytes[0]! <= 90) http.emit("connection", socket)
      else listenToLines(socket)
      process.nextTick(() => socket.resume())
    })
  })

  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once("error", reject)
      server.listen(port, "127.0.0.1", () => {
        server.off("error", reject)
        resolve()
      })
    })
  await listen(0)
  // A server that listens on a port has an address of this form.
  const { port } = server.address() as AddressInfo
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      for (const socket of sockets) socket.resetAndDestroy()
    })

  return {
    port,
    url: `http://127.0.0.1:${port}`,
    behaviour,
    stored,
    lines,
    complaints,
    asked,
    connections: () => connections,
    open: () => sockets.size,
    halfClose: () => {
      for (const socket of sockets) socket.end()
    },
    stop,
    start: () => listen(port)
  }
}

/** The server keeps values as text. */
const echo = (point: unknown): unknown => {
  // It was read as a point.
  const { value, ...rest } = point as Readonly<Record<string, unknown>>
  return { ...rest, value: String(value) }
}

export const serve: Effect.Effect<Tsd, never, Scope.Scope> = Effect.acquireRelease(Effect.promise(make), ({ stop }) =>
  Effect.promise(stop)
)
