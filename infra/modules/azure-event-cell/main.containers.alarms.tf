# What containers say of themselves, in place of what the Functions host says of runs; and that none runs.

locals {
  console = { for name, _ in local.parts : name => "ContainerAppConsoleLogs | where ContainerAppName == '${name}' | extend line = parse_json(Log)" }

  container_run_queries = merge(
    # Everything that is logged as an error but what was parked, which has its alarm, and batches that fail.
    { for name, _ in local.parts : "${name}-errors" => "${local.console[name]} | where (tostring(line.level) == 'error' and not(tostring(line.message) startswith 'parked')) or tostring(line.message) startswith 'a batch was not finished with' | summarize value = count()" },
    # Service Bus counts by topic and knows no age: a consumer's processes say how long their latest events took, from acceptance on.
    { for name, part in local.parts : "${name}-queue-age" => "${local.console[name]} | where tostring(line.message) == 'how long events took' and tostring(line.kind) in ('state', 'copy') | summarize value = coalesce(max(todouble(line.mostMs)) / 1000, 0.0)" if part.kind == "worker" },
    # Each process of the relay says once in 30 s at most how long its latest events took to the bus. One that relays nothing says nothing: it has
    # errors, or does not run.
    { for name, part in local.parts : "relay-lag" => "${local.console[name]} | where tostring(line.message) == 'how long events took' and tostring(line.kind) == 'publish' | summarize value = coalesce(max(todouble(line.mostMs)) / 1000, 0.0)" if part.kind == "relay" },
  )

  # The most replicas in five minutes, for each part.
  stopped = {
    for name, app in azurerm_container_app.part : "${name}-stopped" => {
      description = "No container of ${name} runs."
      objective   = { threshold = 1, periodSeconds = 60, evaluations = 5, breaching = 5 }
      scope       = app.id
      namespace   = "Microsoft.App/containerApps"
      metric      = "Replicas"
      aggregation = "Maximum"
      operator    = "LessThan"
    }
  }
}
