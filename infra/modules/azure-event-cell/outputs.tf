output "cell" {
  description = "Id of the cell."
  value       = var.cell.id
}

output "endpoint" {
  description = "Address of the cell's API, for the edge's directory; without a slash at its end."
  value       = local.in_functions ? "https://${azurerm_function_app_flex_consumption.app[0].default_hostname}" : local.endpoint
}

output "health_url" {
  description = "Address of the health check."
  value       = "${local.in_functions ? "https://${azurerm_function_app_flex_consumption.app[0].default_hostname}" : local.endpoint}/v1/health"
}

output "version" {
  description = "Version that the cell was deployed with."
  value       = var.release.version
}

output "functions" {
  description = "What the functions are called in the cloud, by name."
  value = merge(
    { for name in local.functions : name => "${azurerm_function_app_flex_consumption.app[0].name}/${name}" if local.in_functions },
    { for name, app in azurerm_container_app.part : name => app.name },
    { for name in local.functions : name => "${local.id}-${name}" if local.in_cluster },
  )
}

output "identities" {
  description = "Identities that the functions run under, by function."
  value       = { for name in local.functions : name => azurerm_user_assigned_identity.app.principal_id }
}

output "stores" {
  description = "The event log and the state, as the cloud identifies them."
  value       = { for name in ["events", "state"] : name => azurerm_cosmosdb_sql_container.this[name].id }
}

output "bus" {
  description = "Topic that events are published to, as the cloud identifies it."
  value       = azurerm_servicebus_topic.events.id
}

output "queues" {
  description = "Queues of each consumer, one in each lane, as the cloud identifies them."
  value       = { for name, subscription in azurerm_servicebus_subscription.consumer : name => subscription.id }
}

output "alarm_target" {
  description = "Where alarms are sent to, as the cloud identifies it."
  value       = azurerm_monitor_action_group.alarms.id
}

output "logs" {
  description = "Where the functions' logs are, by function; null in a cluster, which has its own."
  value       = { for name in local.functions : name => local.in_cluster ? null : azurerm_log_analytics_workspace.cell.id }
}

output "network" {
  description = "The private network as the cloud identifies it, or null."
  value       = var.private_network ? azurerm_virtual_network.cell[0].id : null
}

output "domain_target" {
  description = "What the record of the cell's domain must point to, or null."
  value       = null
}

output "settings" {
  description = "The environment of containers in a cluster, without its secrets: what makes the ConfigMap that all parts share."
  value       = merge(local.cell_settings, local.edge_settings, local.http_settings)
}

output "deployment" {
  description = "How a release comes into the cell: terraform, one-deploy to the app in the resource group, or cluster; and the image that runs in it, or null."
  value = {
    method         = local.in_functions ? "one-deploy" : local.in_cluster ? "cluster" : "terraform"
    app            = one(azurerm_function_app_flex_consumption.app[*].name)
    resource_group = local.in_functions ? azurerm_resource_group.cell.name : null
    image          = local.in_functions ? null : var.release.image
  }
}
