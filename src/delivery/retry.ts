/**
 * When a lane may write again: waits between tries, and the token bucket of `rateLimit`. Pure.
 */
import type { Config, State } from "./state.js"

/** The longest a backend may ask a lane to wait. */
export const maxRetryAfter = 5 * 60 * 1000

/** So many rejected writes in a row are bisecting; more are a backend that takes nothing, and wait between tries. */
export const freeRejections = 32

/** The wait after `doublings` waits before. */
export const backoff = (config: Config, doublings: number, random: number): number => {
  const most = Math.min(config.retryMax, config.retryInitial * 2 ** Math.min(doublings, 64))
  return config.jitter === "full" ? most * random : most
}

/** What a backend asked for, if it makes sense. */
export const retryAfter = (millis: number | undefined): number | undefined =>
  millis !== undefined && millis > 0 ? Math.min(millis, maxRetryAfter) : undefined

/** A tenth of a second's worth, so that writes are spread over the second. */
const bucket = (rateLimit: number): number => Math.max(1, rateLimit / 10)

/** Most measurements in a write. */
export const batchLimit = (config: Config): number =>
  config.rateLimit === undefined ? config.batchSize : Math.min(config.batchSize, Math.floor(bucket(config.rateLimit)))

export const tokens = (config: Config, state: State<unknown>, now: number): number =>
  config.rateLimit === undefined
    ? Number.POSITIVE_INFINITY
    : Math.min(bucket(config.rateLimit), state.tokens + ((now - state.tokensAt) * config.rateLimit) / 1000)

/** A millionth of a token is rounding. */
const almost = 1e-6

/** From when on `wanted` measurements may be written. */
export const allowedAt = (config: Config, state: State<unknown>, wanted: number, now: number): number => {
  if (config.rateLimit === undefined) return now
  const missing = Math.min(wanted, batchLimit(config)) - tokens(config, state, now)
  return missing <= almost ? now : now + (missing * 1000) / config.rateLimit
}

export const spend = <I>(config: Config, state: State<I>, spent: number, now: number): State<I> =>
  config.rateLimit === undefined ? state : { ...state, tokens: tokens(config, state, now) - spent, tokensAt: now }
