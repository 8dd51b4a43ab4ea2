/** What keeps a pipe from being made. By itself, as it is known where Node is not. */
import { Schema } from "effect"

/**
 * There can be no pipe where one is wanted, for what is there already, or for whose it is. Nothing of it was changed.
 *
 * @since 0.1.0
 * @category errors
 */
export class PipeError extends Schema.TaggedError<PipeError>("effect-metrics/NamedPipe/PipeError")("PipeError", {
  /** The pipe, or the folder that is wrong. */
  path: Schema.String,
  /** What is wrong with it, and the code of the system's error where there is one. */
  reason: Schema.String
}) {
  override get message(): string {
    return `${this.path}: ${this.reason}`
  }
}
