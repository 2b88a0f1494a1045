# A site-to-site VPN to a virtual network on Azure: two tunnels, static routes, IKEv2 with current algorithms alone. Keys are made by AWS
# and kept in Secrets Manager.

resource "aws_vpn_gateway" "this" {
  vpc_id = var.vpc_id
  tags   = merge(var.tags, { Name = var.name })
}

resource "aws_customer_gateway" "remote" {
  type       = "ipsec.1"
  bgp_asn    = "65000"
  ip_address = var.remote_gateway
  tags       = merge(var.tags, { Name = var.name })
}

resource "aws_vpn_connection" "this" {
  type                     = "ipsec.1"
  vpn_gateway_id           = aws_vpn_gateway.this.id
  customer_gateway_id      = aws_customer_gateway.remote.id
  static_routes_only       = true
  local_ipv4_network_cidr  = var.remote_cidr
  remote_ipv4_network_cidr = var.cidr
  preshared_key_storage    = "SecretsManager"
  tags                     = merge(var.tags, { Name = var.name })

  tunnel1_ike_versions                 = ["ikev2"]
  tunnel1_startup_action               = "start"
  tunnel1_dpd_timeout_action           = "restart"
  tunnel1_phase1_dh_group_numbers      = [20]
  tunnel1_phase1_encryption_algorithms = ["AES256"]
  tunnel1_phase1_integrity_algorithms  = ["SHA2-384"]
  tunnel1_phase2_dh_group_numbers      = [20]
  tunnel1_phase2_encryption_algorithms = ["AES256-GCM-16"]
  tunnel1_phase2_integrity_algorithms  = ["SHA2-384"]
  tunnel1_phase2_lifetime_seconds      = 3600

  tunnel2_ike_versions                 = ["ikev2"]
  tunnel2_startup_action               = "start"
  tunnel2_dpd_timeout_action           = "restart"
  tunnel2_phase1_dh_group_numbers      = [20]
  tunnel2_phase1_encryption_algorithms = ["AES256"]
  tunnel2_phase1_integrity_algorithms  = ["SHA2-384"]
  tunnel2_phase2_dh_group_numbers      = [20]
  tunnel2_phase2_encryption_algorithms = ["AES256-GCM-16"]
  tunnel2_phase2_integrity_algorithms  = ["SHA2-384"]
  tunnel2_phase2_lifetime_seconds      = 3600
}

resource "aws_vpn_connection_route" "remote" {
  vpn_connection_id      = aws_vpn_connection.this.id
  destination_cidr_block = var.remote_cidr
}

resource "aws_vpn_gateway_route_propagation" "this" {
  for_each       = var.route_table_ids
  vpn_gateway_id = aws_vpn_gateway.this.id
  route_table_id = each.value
}
