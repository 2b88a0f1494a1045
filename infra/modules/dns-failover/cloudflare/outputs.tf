output "endpoint" {
  description = "Address that clients use."
  value       = "https://${var.name}"
}

output "checks" {
  description = "Health check of each edge, as the service identifies it."
  value       = { for name, pool in cloudflare_load_balancer_pool.edge : name => pool.id }
}
