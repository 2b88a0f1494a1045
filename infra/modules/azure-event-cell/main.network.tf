# The private network, off unless asked for: the functions' or containers' subnet, and a private endpoint for each service that they call.

locals {
  all_zones = {
    store    = "privatelink.documents.azure.com"
    bus      = "privatelink.servicebus.windows.net"
    packages = "privatelink.blob.core.windows.net"
  }

  # Only functions have a package.
  zones = { for name, zone in local.all_zones : name => zone if name != "packages" || local.in_functions }

  all_endpoints = {
    store    = { resource = azurerm_cosmosdb_account.cell.id, part = "Sql" }
    bus      = { resource = azurerm_servicebus_namespace.cell.id, part = "namespace" }
    packages = { resource = one(azurerm_storage_account.app[*].id), part = "blob" }
  }

  endpoints = { for name, endpoint in local.all_endpoints : name => endpoint if name != "packages" || local.in_functions }
}

resource "azurerm_virtual_network" "cell" {
  count               = var.private_network ? 1 : 0
  name                = local.id
  location            = local.location
  resource_group_name = azurerm_resource_group.cell.name
  address_space       = [var.cell.cidr]
  tags                = local.tags
}

resource "azurerm_network_security_group" "cell" {
  count               = var.private_network ? 1 : 0
  name                = local.id
  location            = local.location
  resource_group_name = azurerm_resource_group.cell.name
  tags                = local.tags
}

# The rules that a group has by default let virtual networks in: only this network may reach the endpoints, by TLS and AMQP.
resource "azurerm_network_security_rule" "services" {
  count                       = var.private_network ? 1 : 0
  name                        = "services"
  resource_group_name         = azurerm_resource_group.cell.name
  network_security_group_name = azurerm_network_security_group.cell[0].name
  priority                    = 100
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = "Tcp"
  source_address_prefix       = var.cell.cidr
  source_port_range           = "*"
  destination_address_prefix  = cidrsubnet(var.cell.cidr, 4, 1)
  destination_port_ranges     = ["443", "5671", "10250-10300"]
}

resource "azurerm_network_security_rule" "nothing_else" {
  count                       = var.private_network ? 1 : 0
  name                        = "nothing-else"
  resource_group_name         = azurerm_resource_group.cell.name
  network_security_group_name = azurerm_network_security_group.cell[0].name
  priority                    = 4000
  direction                   = "Inbound"
  access                      = "Deny"
  protocol                    = "*"
  source_address_prefix       = "*"
  source_port_range           = "*"
  destination_address_prefix  = cidrsubnet(var.cell.cidr, 4, 1)
  destination_port_range      = "*"
}

resource "azurerm_subnet" "functions" {
  count                           = var.private_network ? 1 : 0
  name                            = "functions"
  resource_group_name             = azurerm_resource_group.cell.name
  virtual_network_name            = azurerm_virtual_network.cell[0].name
  address_prefixes                = [cidrsubnet(var.cell.cidr, 4, 0)]
  default_outbound_access_enabled = false

  delegation {
    name = "functions"

    service_delegation {
      name    = "Microsoft.App/environments"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

# Of its own: what functions leave behind holds theirs for a while.
resource "azurerm_subnet" "containers" {
  count                           = var.private_network && local.in_apps ? 1 : 0
  name                            = "containers"
  resource_group_name             = azurerm_resource_group.cell.name
  virtual_network_name            = azurerm_virtual_network.cell[0].name
  address_prefixes                = [cidrsubnet(var.cell.cidr, 4, 5)]
  default_outbound_access_enabled = false

  delegation {
    name = "containers"

    service_delegation {
      name    = "Microsoft.App/environments"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

resource "azurerm_subnet" "endpoints" {
  count                             = var.private_network ? 1 : 0
  name                              = "endpoints"
  resource_group_name               = azurerm_resource_group.cell.name
  virtual_network_name              = azurerm_virtual_network.cell[0].name
  address_prefixes                  = [cidrsubnet(var.cell.cidr, 4, 1)]
  default_outbound_access_enabled   = false
  private_endpoint_network_policies = "NetworkSecurityGroupEnabled"
}

resource "azurerm_subnet_network_security_group_association" "endpoints" {
  count                     = var.private_network ? 1 : 0
  subnet_id                 = azurerm_subnet.endpoints[0].id
  network_security_group_id = azurerm_network_security_group.cell[0].id
}

resource "azurerm_private_dns_zone" "this" {
  for_each            = var.private_network ? local.zones : {}
  name                = each.value
  resource_group_name = azurerm_resource_group.cell.name
  tags                = local.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "this" {
  for_each              = azurerm_private_dns_zone.this
  name                  = local.id
  resource_group_name   = azurerm_resource_group.cell.name
  private_dns_zone_name = each.value.name
  virtual_network_id    = azurerm_virtual_network.cell[0].id
  tags                  = local.tags
}

resource "azurerm_private_endpoint" "this" {
  for_each            = var.private_network ? local.endpoints : {}
  name                = "${local.id}-${each.key}"
  location            = local.location
  resource_group_name = azurerm_resource_group.cell.name
  subnet_id           = azurerm_subnet.endpoints[0].id
  tags                = local.tags

  private_service_connection {
    name                           = each.key
    private_connection_resource_id = each.value.resource
    subresource_names              = [each.value.part]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = each.key
    private_dns_zone_ids = [azurerm_private_dns_zone.this[each.key].id]
  }
}
