output "endpoint" {
  description = "Address that clients use."
  value       = "https://${var.name}"
}

output "checks" {
  description = "Health check of each edge, as the service identifies it."
  value       = { for name, endpoint in azurerm_traffic_manager_external_endpoint.edge : name => endpoint.id }
}

output "record" {
  description = "What the CNAME record of the name must point to."
  value       = azurerm_traffic_manager_profile.edges.fqdn
}
