# Private names both ways: the other end asks the inbound endpoint for this VPC's names; its own are asked through the outbound one.

resource "aws_security_group" "resolver" {
  name        = "${var.name}-resolver"
  description = "DNS from and to the network at the other end."
  vpc_id      = var.vpc_id
  tags        = var.tags
}

resource "aws_vpc_security_group_ingress_rule" "dns" {
  for_each          = toset(["tcp", "udp"])
  security_group_id = aws_security_group.resolver.id
  cidr_ipv4         = var.remote_cidr
  ip_protocol       = each.value
  from_port         = 53
  to_port           = 53
  description       = "Questions from the other end"
}

resource "aws_vpc_security_group_egress_rule" "dns" {
  for_each          = toset(["tcp", "udp"])
  security_group_id = aws_security_group.resolver.id
  cidr_ipv4         = var.remote_cidr
  ip_protocol       = each.value
  from_port         = 53
  to_port           = 53
  description       = "Questions to the other end"
}

resource "aws_route53_resolver_endpoint" "this" {
  for_each           = toset(["INBOUND", "OUTBOUND"])
  name               = "${var.name}-${lower(each.value)}"
  direction          = each.value
  security_group_ids = [aws_security_group.resolver.id]
  tags               = var.tags

  dynamic "ip_address" {
    for_each = var.subnet_ids
    content {
      subnet_id = ip_address.value
    }
  }
}

resource "aws_route53_resolver_rule" "remote" {
  for_each             = var.remote_domains
  name                 = replace(each.value, ".", "-")
  domain_name          = each.value
  rule_type            = "FORWARD"
  resolver_endpoint_id = aws_route53_resolver_endpoint.this["OUTBOUND"].id
  tags                 = var.tags

  dynamic "target_ip" {
    for_each = var.remote_dns_servers
    content {
      ip = target_ip.value
    }
  }
}

resource "aws_route53_resolver_rule_association" "remote" {
  for_each         = aws_route53_resolver_rule.remote
  resolver_rule_id = each.value.id
  vpc_id           = var.vpc_id
}
