/** Help that fits a terminal. */
import { common, type Entry, type Manual } from "./manual.js"

/** Of a terminal of the usual width. */
const columns = 80

const wrapped = (text: string, indent: number): string => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > columns) {
      lines.push(line)
      line = word
    } else line += `${line === "" ? "" : " "}${word}`
  }
  return [...lines, line].map((one) => " ".repeat(indent) + one).join("\n")
}

const entry = ({ description, names, value }: Entry): string =>
  `  ${names.join(", ")}${value === undefined ? "" : ` <${value}>`}\n${wrapped(description, 6)}`

/** A title with what belongs to it; nothing where there is nothing. */
const section = (title: string, parts: ReadonlyArray<string>, isColoured: boolean): ReadonlyArray<string> =>
  parts.length === 0 ? [] : [`${isColoured ? `\u001b[1m${title}\u001b[0m` : title}\n${parts.join("\n")}`]

const joined = (sections: ReadonlyArray<string>): string => sections.join("\n\n")

/** Of one command. */
export const ofCommand = (program: string, manual: Manual, isColoured: boolean): string =>
  joined([
    wrapped(manual.description, 0),
    ...section(
      "USAGE",
      [
        `  ${[program, manual.name, "[options]", ...manual.arguments.map(({ names }) => `<${names.join()}>...`)].join(" ")}`
      ],
      isColoured
    ),
    ...section(
      "ARGUMENTS",
      manual.arguments.map(({ description, names }) => `  <${names.join()}>\n${wrapped(description, 6)}`),
      isColoured
    ),
    ...section("OPTIONS", [...manual.options, ...common].map(entry), isColoured)
  ])

/** Of the program as a whole. */
export const ofProgram = (
  program: string,
  description: string,
  manuals: ReadonlyArray<Manual>,
  isColoured: boolean
): string =>
  joined([
    wrapped(description, 0),
    ...section("USAGE", [`  ${program} <command> [options]`, `  ${program} <command> --help`], isColoured),
    ...section(
      "COMMANDS",
      manuals.map(({ description, name }) => `  ${name}\n${wrapped(description, 6)}`),
      isColoured
    ),
    ...section("OPTIONS", common.map(entry), isColoured)
  ])
