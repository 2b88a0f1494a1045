output "tunnels" {
  description = "Public addresses of the tunnels, for interconnect/azure."
  value       = { tunnel1 = aws_vpn_connection.this.tunnel1_address, tunnel2 = aws_vpn_connection.this.tunnel2_address }
}

output "preshared_keys" {
  description = "Secret in Secrets Manager that holds the tunnels' keys."
  value       = aws_vpn_connection.this.preshared_key_arn
}

output "dns_servers" {
  description = "Addresses that answer for this VPC's private names."
  value       = [for address in aws_route53_resolver_endpoint.this["INBOUND"].ip_address : address.ip]
}
