output "endpoint" {
  description = "Address of the edge; without a slash at its end."
  value       = module.edge.endpoint
}

output "health_url" {
  description = "Address of the health check."
  value       = module.edge.health_url
}

output "script" {
  description = "Name of the Worker, for wrangler."
  value       = module.edge.script
}

output "routes_namespace" {
  description = "Id of the KV namespace that caches the directory, for wrangler."
  value       = module.edge.routes_namespace
}

output "migrated_tag" {
  description = "What migrated_tag must be at the next apply."
  value       = module.edge.migrated_tag
}
