# One page for the way of an event, as a workbook of the cell's Application Insights.

locals {
  lines = "${local.log_table} | extend line = parse_json(${local.log_text})"
  part  = local.in_functions ? "OperationName" : "ContainerAppName"

  function_charts = [
    { title = "Requests and their failures", query = "AppRequests | where OperationName == 'http' | summarize requests = count(), failures = countif(Success == false) by bin(TimeGenerated, 1m)" },
    { title = "Latency of the API (p99, ms)", query = "AppRequests | where OperationName == 'http' | summarize percentile(DurationMs, 99) by bin(TimeGenerated, 1m)" },
    { title = "Runs", query = "AppRequests | summarize count() by OperationName, bin(TimeGenerated, 1m)" },
    { title = "Errors", query = "AppRequests | where Success == false | summarize count() by OperationName, bin(TimeGenerated, 1m)" },
    { title = "Age of messages when processed (s)", query = "AppRequests | extend waited = todouble(Measurements.timeSinceEnqueued) / 1000 | where isnotnull(waited) | summarize max(waited) by OperationName, bin(TimeGenerated, 1m)" },
  ]

  container_charts = [
    { title = "Errors", query = "${local.lines} | where tostring(line.level) == 'error' | summarize count() by ContainerAppName, bin(TimeGenerated, 1m)" },
    { title = "What the platform says", query = "ContainerAppSystemLogs | summarize count() by Reason, bin(TimeGenerated, 1m)" },
    { title = "Lag of the relay (ms)", query = "${local.lines} | where tostring(line.kind) == 'publish' | summarize max(todouble(line.mostMs)) by bin(TimeGenerated, 1m)" },
  ]

  line_charts = [
    { title = "Parked", query = "${local.lines} | where tostring(line.level) == 'error' and tostring(line.message) startswith 'parked' | summarize count() by ${local.part}, bin(TimeGenerated, 1m)" },
    { title = "Slowest events (p99, ms)", query = "${local.log_table} | where ${local.log_text} has 'how long events took' | extend line = parse_json(${local.log_text}) | summarize max(todouble(line.p99Ms)) by tostring(line.kind), bin(TimeGenerated, 1m)" },
  ]

  # A cluster has its own logs; of store and bus there are metrics.
  charts = concat(
    [for chart in local.function_charts : chart if local.in_functions],
    [for chart in local.container_charts : chart if local.in_apps],
    [for chart in local.line_charts : chart if !local.in_cluster],
    [for chart in [{ title = "Messages to the bus", query = "AzureMetrics | where MetricName == 'IncomingMessages' | summarize sum(Total) by bin(TimeGenerated, 1m)" }] : chart if local.in_cluster],
  )
}

resource "azurerm_application_insights_workbook" "cell" {
  # A workbook's name is a UUID; the same cell always has the same one.
  name                = uuidv5("url", "https://polycell.io/cells/${local.id}")
  display_name        = local.id
  location            = local.location
  resource_group_name = azurerm_resource_group.cell.name
  source_id           = lower(azurerm_application_insights.cell.id)
  tags                = local.tags

  data_json = jsonencode({
    version = "Notebook/1.0"
    items = [
      for chart in local.charts : {
        type = 3
        name = chart.title
        content = {
          version                 = "KqlItem/1.0"
          title                   = chart.title
          query                   = chart.query
          size                    = 0
          timeContext             = { durationMs = 14400000 }
          queryType               = 0
          resourceType            = "microsoft.operationalinsights/workspaces"
          visualization           = "timechart"
          crossComponentResources = [azurerm_log_analytics_workspace.cell.id]
        }
        customWidth = "50"
      }
    ]
  })
}
