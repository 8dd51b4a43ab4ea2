/** How the web service says that it could not start. */
import { Schema } from "effect"

/**
 * The web service cannot be had: the port is in use, the address is not this machine's, or a package is missing.
 *
 * @since 0.1.0
 * @category errors
 */
export class WebError extends Schema.TaggedError<WebError>("effect-metrics/WebError")("WebError", {
  /** For an operator. */
  reason: Schema.String
}) {
  override get message(): string {
    return this.reason
  }
}
