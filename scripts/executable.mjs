import { chmodSync } from "node:fs"

// npm makes commands executable where it installs them; this is for those who run what was built.
chmodSync(new URL("../dist/cli/main.js", import.meta.url), 0o755)
