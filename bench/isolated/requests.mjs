// @ts-check
/** A server in a process of its own, and requests over connections that are kept open. */
import { fork } from "node:child_process"
import { once } from "node:events"
import { connect } from "node:net"
import { fileURLToPath } from "node:url"

/** @param {string} subject */
export const serverOf = async (subject) => {
  const child = fork(fileURLToPath(new URL("middleware.mjs", import.meta.url)), [subject])
  const [port] = await once(child, "message")
  return {
    port: /** @type {number} */ (port),
    /** Nanoseconds of CPU since it was last asked. @returns {Promise<number>} */
    cpu: async () => {
      const answer = once(child, "message")
      child.send("cpu")
      return (await answer)[0]
    },
    close: async () => {
      child.disconnect()
      await once(child, "exit")
    }
  }
}

const connections = 16
const requests = ["/users/1", "/items"].map((path) => Buffer.from(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`))

/** Asks that many times, one request at a time on each connection. @param {number} port @param {number} amount */
export const load = async (port, amount) => {
  let asked = 0
  const talk = () =>
    /** @type {Promise<void>} */ (
      new Promise((resolve, reject) => {
        const socket = connect(port, "127.0.0.1").setNoDelay(true)
        let seen = ""
        const next = () => {
          if (asked >= amount) return socket.end(resolve)
          socket.write(/** @type {Buffer} */ (requests[asked++ & 1]))
        }
        socket.on("connect", next).on("error", reject)
        socket.setEncoding("latin1").on("data", (part) => {
          seen += part
          if (!seen.endsWith("\r\n\r\nhello")) return
          if (!seen.startsWith("HTTP/1.1 200")) reject(new Error(seen))
          seen = ""
          next()
        })
      })
    )
  await Promise.all(Array.from({ length: connections }, talk))
}
