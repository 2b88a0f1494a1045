# Private names both ways: the other end asks the inbound endpoint for this network's names; its own are asked through the outbound one.

locals {
  endpoints = { inbound = cidrsubnet(var.cidr, 4, 3), outbound = cidrsubnet(var.cidr, 4, 4) }
}

resource "azurerm_private_dns_resolver" "this" {
  name                = var.name
  location            = var.location
  resource_group_name = var.resource_group
  virtual_network_id  = var.virtual_network.id
  tags                = var.tags
}

resource "azurerm_subnet" "resolver" {
  for_each             = local.endpoints
  name                 = "resolver-${each.key}"
  resource_group_name  = var.resource_group
  virtual_network_name = var.virtual_network.name
  # The service takes up to 28 bits of network at the least and 24 at the most.
  address_prefixes = [cidrsubnet(each.value, 24 - tonumber(split("/", each.value)[1]), 0)]

  delegation {
    name = "resolver"

    service_delegation {
      name    = "Microsoft.Network/dnsResolvers"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

resource "azurerm_private_dns_resolver_inbound_endpoint" "this" {
  name                    = "inbound"
  location                = var.location
  private_dns_resolver_id = azurerm_private_dns_resolver.this.id
  tags                    = var.tags

  ip_configurations {
    subnet_id                    = azurerm_subnet.resolver["inbound"].id
    private_ip_allocation_method = "Dynamic"
  }
}

resource "azurerm_private_dns_resolver_outbound_endpoint" "this" {
  name                    = "outbound"
  location                = var.location
  private_dns_resolver_id = azurerm_private_dns_resolver.this.id
  subnet_id               = azurerm_subnet.resolver["outbound"].id
  tags                    = var.tags
}

resource "azurerm_private_dns_resolver_dns_forwarding_ruleset" "this" {
  name                                       = var.name
  location                                   = var.location
  resource_group_name                        = var.resource_group
  private_dns_resolver_outbound_endpoint_ids = [azurerm_private_dns_resolver_outbound_endpoint.this.id]
  tags                                       = var.tags
}

resource "azurerm_private_dns_resolver_virtual_network_link" "this" {
  name                      = var.name
  dns_forwarding_ruleset_id = azurerm_private_dns_resolver_dns_forwarding_ruleset.this.id
  virtual_network_id        = var.virtual_network.id
}

resource "azurerm_private_dns_resolver_forwarding_rule" "remote" {
  for_each                  = var.remote_domains
  name                      = replace(each.value, ".", "-")
  dns_forwarding_ruleset_id = azurerm_private_dns_resolver_dns_forwarding_ruleset.this.id
  domain_name               = "${each.value}."
  enabled                   = true

  dynamic "target_dns_servers" {
    for_each = var.remote_dns_servers
    content {
      ip_address = target_dns_servers.value
      port       = 53
    }
  }
}
