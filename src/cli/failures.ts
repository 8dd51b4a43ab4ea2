/**
 * How a command ends. Every failure is one line on standard error and one of the exit codes.
 *
 * | code | |
 * |---|---|
 * | 0 | a normal end, also by SIGTERM or SIGINT, and everything was delivered |
 * | 1 | something was not delivered, or the command could not go on |
 * | 2 | wrong usage: what was asked for cannot be |
 */
import { ValidationError } from "@effect/cli"
import { Cause, Exit, Option, Schema } from "effect"
import * as Sink from "../Sink.js"
import { plain } from "./output.js"

/** What was asked for cannot be. */
export class Usage extends Schema.TaggedError<Usage>("effect-metrics/cli/Usage")("Usage", {
  /** Without any secret. */
  reason: Schema.String
}) {
  override get message(): string {
    return this.reason
  }
}

/** There is nothing to be read. */
export class NoPipe extends Schema.TaggedError<NoPipe>("effect-metrics/cli/NoPipe")("NoPipe", {
  reason: Schema.String
}) {
  override get message(): string {
    return this.reason
  }
}

/** It has been said already what went wrong. */
export class Told extends Schema.TaggedError<Told>("effect-metrics/cli/Told")("Told", {}) {}

export const codeOf = (exit: Exit.Exit<unknown, unknown>): 0 | 1 | 2 => {
  if (Exit.isSuccess(exit)) return 0
  const failure = failureOf(exit.cause)
  if (failure === undefined) return Cause.isInterruptedOnly(exit.cause) ? 0 : 1
  return failure instanceof Usage || failure instanceof Sink.InvalidOption || ValidationError.isValidationError(failure)
    ? 2
    : 1
}

/** Nothing for a normal end. */
export const lineOf = (cause: Cause.Cause<unknown>): string | undefined => {
  if (Cause.isInterruptedOnly(cause)) return undefined
  const failure = failureOf(cause) ?? Cause.squash(cause)
  if (failure instanceof Told) return undefined
  const text = ValidationError.isValidationError(failure)
    ? `${withoutArgument(plain(failure.error))} (see --help)`
    : failure instanceof Error && failure.message !== ""
      ? failure.message
      : "failed for an unknown reason"
  return text.replace(/\s+/g, " ").trim()
}

const withoutArgument = (text: string): string => {
  const [, argument] = /^Received unknown argument: '(.*)'$/s.exec(text) ?? []
  return argument === undefined ? text : unknownArgument(argument)
}

/** What is no name of an option may be a secret whose option was forgotten. */
export const unknownArgument = (argument: string): string => {
  const [option] = /^(--[a-z][a-z-]{1,30}|-[a-z])(?=$|=)/.exec(argument) ?? []
  return option === undefined
    ? "an argument that has no place here, and is not repeated, as it may be a secret"
    : `unknown option ${option}`
}

const failureOf = (cause: Cause.Cause<unknown>): unknown => Option.getOrUndefined(Cause.failureOption(cause))
