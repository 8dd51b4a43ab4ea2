/** Whether somebody listens at an address. */
import { Effect } from "effect"
import { connect } from "node:net"
import { classify } from "../transport/failure.js"

const patienceMillis = 3000

/** Why there is no connection, or nothing where there is one. */
export const whyNobody = (host: string, port: number): Effect.Effect<string | undefined> =>
  Effect.async<string | undefined>((resume) => {
    const socket = connect({ host, port, timeout: patienceMillis })
    const end = (reason: string | undefined): void => {
      socket.destroy()
      resume(Effect.succeed(reason))
    }
    socket.on("connect", () => end(undefined))
    socket.on("timeout", () => end("no answer"))
    socket.on("error", (error) => end(classify(error, "no connection").what))
    return Effect.sync(() => socket.destroy())
  })
