// The plotting library, which the service serves beside the page.
import uPlot from "uplot"
// eslint-disable-next-line no-restricted-syntax -- it is how the library is exported
export default uPlot
