/** The parts of ECharts that the page draws with; whoever draws imports them when there is something to draw. */

import { ParallelChart, ScatterChart } from "echarts/charts";
import { GridComponent, ParallelComponent, TooltipComponent, VisualMapContinuousComponent } from "echarts/components";
import { init, use, type EChartsCoreOption, type ECharts } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([ParallelChart, ScatterChart, GridComponent, ParallelComponent, TooltipComponent, VisualMapContinuousComponent, CanvasRenderer]);

export { init, type ECharts, type EChartsCoreOption };
