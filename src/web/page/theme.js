// Before anything is painted, so that a page in the dark does not begin with a white flash.
try {
  const kept = localStorage.getItem("effect-metrics.theme")
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept
} catch {
  // Storage may be forbidden: the system's colors it is.
}
