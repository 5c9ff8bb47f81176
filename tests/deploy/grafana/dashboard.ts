// The dashboard as Grafana types it, but each panel with the options and field settings of its own kind, and the
// queries open: they belong to the datasource's plugin, and test_queries.py checks them.
import type { AnnotationQuery, Dashboard, Panel, TableFieldOptions } from '@grafana/schema';
import type * as BarChart from '@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as StateTimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

type FieldConfig = NonNullable<Panel['fieldConfig']>;

interface Of<Type, Options, Custom> extends Omit<Panel, 'type' | 'options' | 'fieldConfig'> {
  type: Type;
  options: Partial<Options>;
  fieldConfig: Omit<FieldConfig, 'defaults'> & {
    defaults: Omit<FieldConfig['defaults'], 'custom'> & { custom?: Partial<Custom> };
  };
}

export interface Checked extends Omit<Dashboard, 'panels' | 'annotations'> {
  panels: Array<
    | Of<'barchart', BarChart.Options, BarChart.FieldConfig>
    | Of<'stat', Stat.Options, {}>
    // Grafana's editor offers spanNulls here as in a time series; its type forgets that.
    | Of<'state-timeline', StateTimeline.Options, StateTimeline.FieldConfig & Pick<TimeSeries.FieldConfig, 'spanNulls'>>
    | Of<'table', Table.Options, TableFieldOptions>
    | Of<'timeseries', TimeSeries.Options, TimeSeries.FieldConfig>
  >;
  annotations: { list: Array<Omit<AnnotationQuery, 'target'> & { target: Record<string, unknown> }> };
}
