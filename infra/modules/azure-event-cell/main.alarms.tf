# What a person has to know of, by infra/objectives.json. Service Bus counts by topic alone, so what concerns one consumer is read
# from the app's own telemetry.

locals {
  alarms = var.objectives.alarms

  # A consumer may have objectives of its own.
  consumer_alarms = { for name, _ in local.consumers : name => merge(local.alarms, lookup(var.objectives.consumers, name, {})) }

  function_alarms = { for name in local.functions : name => lookup(local.consumer_alarms, name, local.alarms) }

  # The lengths of time that alert rules know.
  durations = { 60 = "PT1M", 300 = "PT5M", 900 = "PT15M", 1800 = "PT30M", 3600 = "PT1H" }

  # By the objectives of cells, and what workers themselves say: each of their processes logs once in 30 s at most how long its latest events took
  # (core/cell/delays.ts), and with each attempt for how long another cell has not been reached (core/replication/replicate.ts). A line is of one
  # process and of half a minute, so what is counted are lines above the objective, and an alarm wants some twice in a row.
  delay_objective = { threshold = 1, periodSeconds = 300, evaluations = 2, breaching = 2 }

  # Where lines of the log are: those of functions in the app's telemetry, and those of containers in the console's log.
  log_table = local.in_functions ? "AppTraces" : "ContainerAppConsoleLogs"
  log_text  = local.in_functions ? "Message" : "Log"
  log_of    = { for name in local.functions : name => local.in_functions ? "OperationName in ('${name}', '${name}_side')" : "ContainerAppName == '${name}'" }

  # What is said of runs: by the Functions host, or by containers themselves (main.containers.alarms.tf).
  run_queries = merge({ for name, query in local.function_run_queries : name => query if local.in_functions }, { for name, query in local.container_run_queries : name => query if local.in_apps })

  function_run_queries = merge(
    { for name in local.functions : "${name}-errors" => "AppRequests | where OperationName == '${name}' and Success == false | summarize value = count()" },
    { for name, _ in local.consumers : "${name}-queue-age" => "AppRequests | where OperationName in ('${name}', '${name}_side') | extend waited = todouble(Measurements.timeSinceEnqueued) / 1000 | summarize value = coalesce(max(waited), 0.0)" },
    { relay-lag = "AppRequests | where Success | summarize stored = maxif(TimeGenerated, OperationName == 'http' and Url endswith '/v1/events'), relayed = maxif(TimeGenerated, OperationName == 'relay') | extend value = iff(isnull(stored) or relayed >= stored, 0.0, (now() - stored) / 1s)" },
  )

  # One entry an alarm that is made from a query: whose objectives it has, and the number that the query gives for a period.
  all_queries = merge(
    {
      for name in local.hosted : "${name}-errors" => {
        description = "The function ${name} fails: runs that threw, timed out or were killed."
        objective   = local.function_alarms[name].errors
        query       = local.run_queries["${name}-errors"]
      }
    },
    {
      for name in setsubtract(local.hosted, ["http"]) : "${name}-parked" => {
        description = "Events of ${name} are being parked: list them with polycell parked."
        objective   = local.function_alarms[name].parked
        # Relay and consumers log an error whose message begins with "parked" for each event that they park.
        query = "${local.log_table} | where ${local.log_of[name]} | extend line = parse_json(${local.log_text}) | where tostring(line.level) == 'error' and tostring(line.message) startswith 'parked' | summarize value = count()"
      }
    },
    {
      for name in setsubtract(local.hosted, ["http", "relay"]) : "${name}-queue-age" => {
        description = "Messages of ${name} wait too long before they are processed."
        objective   = local.consumer_alarms[name].queueAgeSeconds
        query       = local.run_queries["${name}-queue-age"]
      }
    },
    {
      to-state = {
        description = "Some consumer takes longer to the state than the objective, for more than one of 100 events: npx polycell status."
        objective   = local.delay_objective
        query       = "${local.log_table} | where ${local.log_text} has 'how long events took' | extend line = parse_json(${local.log_text}) | where tostring(line.kind) == 'state' | summarize value = countif(todouble(line.p99Ms) > ${var.objectives.cells.stateSeconds * 1000})"
      }
      lag = {
        description = "Events take longer to their other cell than the objective, more than one of 100, or it is not reached: npx polycell replicas status."
        objective   = local.delay_objective
        query       = "${local.log_table} | where ${local.log_text} has_any ('how long events took', 'failingMs') | extend line = parse_json(${local.log_text}) | extend took = iff(tostring(line.kind) == 'copy', todouble(line.p99Ms), todouble(line.failingMs)) | summarize value = countif(took > ${var.objectives.cells.lagSeconds * 1000})"
      }
      rpo = {
        description = "Another cell has not been reached for longer than the RPO that is the objective. Only the monitor at the edge knows the RPO itself."
        objective   = local.delay_objective
        query       = "${local.log_table} | where ${local.log_text} has 'failingMs' | extend line = parse_json(${local.log_text}) | summarize value = countif(todouble(line.failingMs) > ${var.objectives.cells.rpoSeconds * 1000})"
      }
    },
    {
      relay-lag = {
        description = "The relay is behind: events have been accepted since it last succeeded."
        objective   = local.alarms.relayLagSeconds
        query       = lookup(local.run_queries, "relay-lag", "")
      }
    },
  )

  # A cluster has its own logs, and alarms from them.
  queries = { for name, query in local.all_queries : name => query if !local.in_cluster }

  # One entry an alarm that is made from a metric of a service.
  metrics = merge(local.stopped, {
    dead-letters = {
      description = "Messages are in a dead-letter queue of the topic: they cannot be parked."
      objective   = local.alarms.deadLetters
      scope       = azurerm_servicebus_namespace.cell.id
      namespace   = "Microsoft.ServiceBus/namespaces"
      metric      = "DeadletteredMessages"
      aggregation = "Maximum"
      dimension   = { name = "EntityName", value = azurerm_servicebus_topic.events.name }
    }
    bus-throttles = {
      description = "Service Bus throttles the cell."
      objective   = local.alarms.throttles
      scope       = azurerm_servicebus_namespace.cell.id
      namespace   = "Microsoft.ServiceBus/namespaces"
      metric      = "ThrottledRequests"
      aggregation = "Total"
      dimension   = { name = "EntityName", value = azurerm_servicebus_topic.events.name }
    }
    store-throttles = {
      description = "Cosmos DB throttles the cell: its request units are used up."
      objective   = local.alarms.throttles
      scope       = azurerm_cosmosdb_account.cell.id
      namespace   = "Microsoft.DocumentDB/databaseAccounts"
      metric      = "TotalRequests"
      aggregation = "Count"
      dimension   = { name = "StatusCode", value = "429" }
    }
  })
}

resource "azurerm_monitor_action_group" "alarms" {
  name                = "${local.id}-alarms"
  resource_group_name = azurerm_resource_group.cell.name
  short_name          = substr(local.id, 0, 12)
  tags                = local.tags

  dynamic "email_receiver" {
    for_each = var.alarm_emails
    content {
      name                    = email_receiver.value
      email_address           = email_receiver.value
      use_common_alert_schema = true
    }
  }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "this" {
  for_each                         = local.queries
  name                             = "${local.id}-${each.key}"
  description                      = each.value.description
  location                         = local.location
  resource_group_name              = azurerm_resource_group.cell.name
  scopes                           = [azurerm_log_analytics_workspace.cell.id]
  severity                         = 2
  evaluation_frequency             = local.durations[each.value.objective.periodSeconds]
  window_duration                  = local.durations[each.value.objective.periodSeconds]
  auto_mitigation_enabled          = true
  workspace_alerts_storage_enabled = false
  # The tables come with the first telemetry, after this rule.
  skip_query_validation = true
  tags                  = local.tags

  criteria {
    query                   = each.value.query
    metric_measure_column   = "value"
    time_aggregation_method = "Maximum"
    operator                = "GreaterThanOrEqual"
    threshold               = each.value.objective.threshold

    failing_periods {
      number_of_evaluation_periods             = each.value.objective.evaluations
      minimum_failing_periods_to_trigger_alert = each.value.objective.breaching
    }
  }

  action {
    action_groups = [azurerm_monitor_action_group.alarms.id]
  }
}

resource "azurerm_monitor_metric_alert" "this" {
  for_each            = local.metrics
  name                = "${local.id}-${each.key}"
  description         = each.value.description
  resource_group_name = azurerm_resource_group.cell.name
  scopes              = [each.value.scope]
  severity            = 2
  frequency           = "PT1M"
  window_size         = each.value.objective.periodSeconds * each.value.objective.evaluations <= 60 ? "PT1M" : each.value.objective.periodSeconds * each.value.objective.evaluations <= 300 ? "PT5M" : "PT15M"
  auto_mitigate       = true
  tags                = local.tags

  criteria {
    metric_namespace = each.value.namespace
    metric_name      = each.value.metric
    aggregation      = each.value.aggregation
    operator         = try(each.value.operator, "GreaterThanOrEqual")
    threshold        = each.value.objective.threshold

    dynamic "dimension" {
      for_each = try([each.value.dimension], [])
      content {
        name     = dimension.value.name
        operator = "Include"
        values   = [dimension.value.value]
      }
    }
  }

  action {
    action_group_id = azurerm_monitor_action_group.alarms.id
  }
}
