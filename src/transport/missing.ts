/**
 * Packages that are asked for when they are first needed, since few programs need them: what says that one is not there.
 */
import { Effect, Schema } from "effect"
import { load } from "./node.js"

/**
 * A package that an app has to install beside this one, where it uses what needs it, cannot be loaded.
 *
 * @since 0.1.0
 * @category errors
 */
export class MissingPackage extends Schema.TaggedError<MissingPackage>("effect-metrics/MissingPackage")(
  "MissingPackage",
  {
    /** Its name, as in `zeromq`. */
    package: Schema.String,
    /** What to run, as in `npm install zeromq`. */
    install: Schema.String,
    /** What is wrong: it is not installed, or it is and has nothing for this machine. */
    reason: Schema.Literal("is not installed", "cannot be loaded: it has no binary for this machine")
  }
) {
  override get message(): string {
    const { install, package: name, reason } = this
    return `the optional package "${name}" ${reason}${reason === "is not installed" ? `: ${install}` : ""}`
  }
}

const isNotFound = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "code" in error && error.code === "ERR_MODULE_NOT_FOUND"

/** The caller says what the module is. `install` is what `npm install` takes, where that is more than the package's name. */
export const loadPackage = <A>(name: string, install: string = name): Effect.Effect<A, MissingPackage> =>
  Effect.tryPromise({
    try: () => load<A>(name),
    catch: (error) =>
      new MissingPackage({
        package: name,
        install: `npm install ${install}`,
        reason: isNotFound(error) ? "is not installed" : "cannot be loaded: it has no binary for this machine"
      })
  })
