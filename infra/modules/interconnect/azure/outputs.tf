output "gateway_address" {
  description = "Public address of the VPN gateway, for interconnect/aws."
  value       = azurerm_public_ip.gateway.ip_address
}

output "dns_servers" {
  description = "Addresses that answer for this network's private names."
  value       = [azurerm_private_dns_resolver_inbound_endpoint.this.ip_configurations[0].private_ip_address]
}
