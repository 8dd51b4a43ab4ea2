// @ts-check
/**
 * A receiver of datagrams in a process of its own, with the buffer that the system gives. Counts packets, lines and samples,
 * and adds up their values.
 */
import { createSocket } from "node:dgram"

const seen = { packets: 0, lines: 0, samples: 0, sum: 0, bytes: 0 }
const socket = createSocket("udp4")

socket.on("message", (packet) => {
  seen.packets++
  seen.bytes += packet.length
  for (let at = 0; at < packet.length;) {
    let end = packet.indexOf(10, at)
    if (end === -1) end = packet.length
    const bar = packet.indexOf(124, at)
    if (end > at && bar > at && bar < end) {
      seen.lines++
      let from = packet.indexOf(58, at) + 1
      while (from > 0 && from < bar) {
        seen.samples++
        let to = from
        let value = 0
        let scale = 0
        for (; to < bar && packet[to] !== 58; to++) {
          const digit = /** @type {number} */ (packet[to]) - 48
          if (digit < 0) scale = 1
          else {
            value = value * 10 + digit
            scale *= 10
          }
        }
        seen.sum += value / (scale || 1)
        from = to + 1
      }
    }
    at = end + 1
  }
})
socket.bind(0, "127.0.0.1", () => process.send?.({ port: socket.address().port }))
process.on("message", () => process.send?.(seen))
process.on("disconnect", () => process.exit())
