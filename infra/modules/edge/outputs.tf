output "endpoint" {
  description = "Address of the edge; without a slash at its end."
  value       = "https://${cloudflare_workers_custom_domain.edge.hostname}"
}

output "health_url" {
  description = "Address of the health check."
  value       = "https://${cloudflare_workers_custom_domain.edge.hostname}/v1/health"
}

output "script" {
  description = "Name of the Worker, for wrangler."
  value       = cloudflare_workers_script.edge.script_name
}

output "routes_namespace" {
  description = "Id of the KV namespace that caches the directory, for wrangler."
  value       = cloudflare_workers_kv_namespace.routes.id
}

output "migrated_tag" {
  description = "What migrated_tag must be at the next apply."
  value       = local.tags[length(local.tags) - 1]
}
