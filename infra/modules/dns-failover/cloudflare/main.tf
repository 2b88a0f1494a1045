# One pool an edge, chosen by weight among those whose monitor says that they are well. Load balancing is a paid part of Cloudflare's.

locals {
  total = sum(values(var.edges)[*].weight)
}

resource "cloudflare_load_balancer_monitor" "edge" {
  account_id       = var.account_id
  description      = "${var.name}: health of the edges"
  type             = "https"
  method           = "GET"
  path             = var.health_path
  port             = 443
  expected_codes   = "200"
  interval         = 60
  timeout          = 5
  retries          = 2
  consecutive_down = var.failures
  consecutive_up   = 2
}

resource "cloudflare_load_balancer_pool" "edge" {
  for_each        = var.edges
  account_id      = var.account_id
  name            = "${replace(var.name, ".", "-")}-${each.key}"
  description     = "Edge ${each.key} of ${var.name}"
  monitor         = cloudflare_load_balancer_monitor.edge.id
  minimum_origins = 1

  origins = [{
    name    = each.key
    address = each.value.host
    weight  = 1
    # The edge answers to its own name.
    header = { host = [each.value.host] }
  }]
}

resource "cloudflare_load_balancer" "name" {
  zone_id         = var.zone_id
  name            = var.name
  description     = "Edges by weight and health"
  default_pools   = [for name in sort(keys(var.edges)) : cloudflare_load_balancer_pool.edge[name].id]
  fallback_pool   = cloudflare_load_balancer_pool.edge[sort(keys(var.edges))[0]].id
  proxied         = false
  ttl             = var.ttl
  steering_policy = "random"

  random_steering = {
    default_weight = 0
    pool_weights   = { for name, edge in var.edges : cloudflare_load_balancer_pool.edge[name].id => edge.weight / local.total }
  }
}
