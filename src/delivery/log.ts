/**
 * What a lane says to operators. A logger that fails or dies changes nothing else.
 */
import { Effect } from "effect"
import type { Notice } from "../recording/notices.js"

export const log = {
  debug: (message: string) => Effect.logDebug(message),
  info: (message: string) => Effect.logInfo(message),
  warning: (message: string) => Effect.logWarning(message),
  error: (message: string) => Effect.logError(message)
}

/** Whatever the logger does. */
export const logSafely = (line: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.catchAllCause(line, () => Effect.void)

export const logNotice = (lane: string, { level, message }: Notice): Effect.Effect<void> =>
  logSafely(log[level](`${lane}: ${message}`))
