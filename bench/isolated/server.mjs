// @ts-check
/**
 * A write endpoint in a process of its own. It counts lines and adds up their first field, so that what arrived can be told
 * from what was sent; or takes everything and never answers. Commands and reports go over the fork's channel.
 */
import { createServer } from "node:http"
import { createServer as createTcpServer } from "node:net"
import { gunzipSync } from "node:zlib"

const mode = process.argv[2]
const seen = { lines: 0, sum: 0, requests: 0, bytes: 0, concurrent: 0, maxConcurrent: 0, connections: 0 }

/** @param {Buffer} body */
const count = (body) => {
  let at = 0
  while (at < body.length) {
    let end = body.indexOf(10, at)
    if (end === -1) end = body.length
    if (end > at) {
      seen.lines++
      const space = body.indexOf(32, at)
      const equals = body.indexOf(61, space)
      seen.sum += Number.parseFloat(body.latin1Slice(equals + 1, Math.min(end, equals + 24)))
    }
    at = end + 1
  }
}

const server =
  mode === "stall-tcp"
    ? createTcpServer((socket) => {
        seen.connections++
        socket.pause()
        socket.on("error", () => {})
      })
    : createServer((request, response) => {
        seen.requests++
        seen.maxConcurrent = Math.max(seen.maxConcurrent, ++seen.concurrent)
        request.on("close", () => seen.concurrent--)
        /** @type {Array<Buffer>} */
        const parts = []
        request.on("data", (part) => {
          seen.bytes += part.length
          if (mode !== "stall") parts.push(part)
        })
        request.on("error", () => {})
        request.on("end", () => {
          if (mode === "stall") return
          response.writeHead(204).end()
          const body = Buffer.concat(parts)
          count(request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body)
        })
      })

server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.send?.({ port: typeof address === "object" && address !== null ? address.port : 0 })
})
process.on("message", () => process.send?.(seen))
process.on("disconnect", () => process.exit())
