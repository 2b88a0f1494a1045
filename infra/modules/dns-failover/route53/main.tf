# One weighted record an edge, with the health check that takes it out. Answers come from Route 53's data plane, which does not need the
# control plane of any region.

resource "aws_route53_health_check" "edge" {
  for_each          = var.edges
  type              = "HTTPS"
  fqdn              = each.value.host
  port              = 443
  resource_path     = var.health_path
  request_interval  = 10
  failure_threshold = var.failures
  measure_latency   = true
  enable_sni        = true
  tags              = merge(var.tags, { Name = "${var.name} ${each.key}" })
}

resource "aws_route53_record" "edge" {
  for_each        = var.edges
  zone_id         = var.zone_id
  name            = var.name
  type            = "CNAME"
  ttl             = var.ttl
  records         = [each.value.host]
  set_identifier  = each.key
  health_check_id = aws_route53_health_check.edge[each.key].id

  weighted_routing_policy {
    weight = each.value.weight
  }
}
