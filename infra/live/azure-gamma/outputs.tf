# Made by `npx polycell cells scaffold`; settings of this cell alone go into settings.auto.tfvars.

output "cell" {
  description = "Id of the cell."
  value       = module.cell.cell
}

output "endpoint" {
  description = "Address of the cell's API, for the edge's directory; without a slash at its end."
  value       = module.cell.endpoint
}

output "health_url" {
  description = "Address of the health check."
  value       = module.cell.health_url
}

output "version" {
  description = "Version that the cell was deployed with."
  value       = module.cell.version
}

output "functions" {
  description = "What the functions are called in the cloud, by name."
  value       = module.cell.functions
}

output "identities" {
  description = "Identities that the functions run under, by function."
  value       = module.cell.identities
}

output "stores" {
  description = "The event log and the state, as the cloud identifies them."
  value       = module.cell.stores
}

output "bus" {
  description = "Topic that events are published to, as the cloud identifies it."
  value       = module.cell.bus
}

output "queues" {
  description = "Queues of each consumer, one in each lane, as the cloud identifies them."
  value       = module.cell.queues
}

output "alarm_target" {
  description = "Where alarms are sent to, as the cloud identifies it."
  value       = module.cell.alarm_target
}

output "logs" {
  description = "Where the functions' logs are, by function; null in a cluster, which has its own."
  value       = module.cell.logs
}

output "network" {
  description = "The private network as the cloud identifies it, or null."
  value       = module.cell.network
}

output "domain_target" {
  description = "What the record of the cell's domain must point to, or null."
  value       = module.cell.domain_target
}

output "settings" {
  description = "The environment of containers in a cluster, without its secrets: what makes the ConfigMap that all parts share."
  value       = module.cell.settings
}

output "deployment" {
  description = "How a release comes into the cell: terraform, one-deploy to the app in the resource group, or cluster; and the image that runs in it, or null."
  value       = module.cell.deployment
}
