output "cell" {
  description = "Id of the cell."
  value       = var.cell.id
}

output "endpoint" {
  description = "Address of the cell's API, for the edge's directory; without a slash at its end."
  value       = "https://${azurerm_function_app_flex_consumption.app.default_hostname}"
}

output "health_url" {
  description = "Address of the health check."
  value       = "https://${azurerm_function_app_flex_consumption.app.default_hostname}/v1/health"
}

output "version" {
  description = "Version that the cell was deployed with."
  value       = var.release.version
}

output "functions" {
  description = "What the functions are called in the cloud, by name."
  value       = { for name in local.functions : name => "${azurerm_function_app_flex_consumption.app.name}/${name}" }
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
  description = "Where the functions' logs are, by function."
  value       = { for name in local.functions : name => azurerm_log_analytics_workspace.cell.id }
}

output "network" {
  description = "The private network as the cloud identifies it, or null."
  value       = var.private_network ? azurerm_virtual_network.cell[0].id : null
}

output "domain_target" {
  description = "What the record of the cell's domain must point to, or null."
  value       = null
}

output "deployment" {
  description = "How packages come into the cell: terraform, or one-deploy to the app in the resource group."
  value = {
    method         = "one-deploy"
    app            = azurerm_function_app_flex_consumption.app.name
    resource_group = azurerm_resource_group.cell.name
  }
}
