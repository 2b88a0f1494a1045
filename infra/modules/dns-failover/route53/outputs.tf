output "endpoint" {
  description = "Address that clients use."
  value       = "https://${var.name}"
}

output "checks" {
  description = "Health check of each edge, as the service identifies it."
  value       = { for name, check in aws_route53_health_check.edge : name => check.id }
}
