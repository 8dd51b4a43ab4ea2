/** A server on a free port of the loopback, which answers as a test says, and remembers what it was asked. */
import { Effect } from "effect"
import type { Scope } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { gunzipSync } from "node:zlib"

export interface Asked {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: Readonly<Record<string, string | Array<string> | undefined>>
  /** Unpacked. */
  readonly body: string
  /** The same, where it is not text. */
  readonly bytes: Uint8Array
  readonly bodyBytes: number
  readonly socket: Socket
}

export interface Server {
  readonly url: string
  readonly asked: Array<Asked>
}

export type Answer = (asked: Asked, response: ServerResponse) => void

const bodyOf = (request: IncomingMessage): Promise<Buffer> =>
  new Promise((resolve) => {
    const parts: Array<Buffer> = []
    request.on("data", (part: Buffer) => parts.push(part)).on("end", () => resolve(Buffer.concat(parts)))
  })

export const serve = (answer: Answer): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Server & { readonly close: () => void }>((resume) => {
      const asked: Array<Asked> = []
      const server = createServer((request, response) => {
        void bodyOf(request).then((body) => {
          const isPacked = request.headers["content-encoding"] === "gzip"
          const bytes = isPacked ? gunzipSync(body) : body
          const one: Asked = {
            method: request.method ?? "",
            url: request.url ?? "",
            headers: request.headers,
            body: bytes.toString("utf8"),
            bytes,
            bodyBytes: body.length,
            socket: request.socket
          }
          asked.push(one)
          answer(one, response)
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        const close = () => {
          server.closeAllConnections()
          server.close()
        }
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, asked, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

/** Answers in turn; the last one again and again. */
export const script = (...answers: ReadonlyArray<Answer>): Answer => {
  let next = 0
  return (asked, response) => answers[Math.min(next++, answers.length - 1)]!(asked, response)
}

export const status =
  (code: number, body: string | Uint8Array = "", headers: Readonly<Record<string, string>> = {}): Answer =>
  (_, response) => {
    response.writeHead(code, headers).end(body)
  }
