# A profile that answers by weight among the endpoints that are well. The name that clients know is a CNAME to the profile's own name.

resource "azurerm_traffic_manager_profile" "edges" {
  name                   = replace(var.name, ".", "-")
  resource_group_name    = var.resource_group
  traffic_routing_method = "Weighted"
  tags                   = var.tags

  dns_config {
    relative_name = replace(var.name, ".", "-")
    ttl           = var.ttl
  }

  monitor_config {
    protocol                     = "HTTPS"
    port                         = 443
    path                         = var.health_path
    interval_in_seconds          = 10
    timeout_in_seconds           = 5
    tolerated_number_of_failures = var.failures
    expected_status_code_ranges  = ["200-200"]
  }
}

resource "azurerm_traffic_manager_external_endpoint" "edge" {
  for_each   = var.edges
  name       = each.key
  profile_id = azurerm_traffic_manager_profile.edges.id
  target     = each.value.host
  weight     = max(1, each.value.weight)
  # A weight of 0 keeps the edge ready without sending it traffic.
  enabled = each.value.weight > 0

  custom_header {
    name  = "host"
    value = each.value.host
  }
}
