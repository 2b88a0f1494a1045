# The VPN gateway, and one connection a tunnel of the VPC at the other end, with the algorithms that interconnect/aws names.

resource "azurerm_subnet" "gateway" {
  # The name is the service's.
  name                 = "GatewaySubnet"
  resource_group_name  = var.resource_group
  virtual_network_name = var.virtual_network.name
  address_prefixes     = [cidrsubnet(var.cidr, 4, 2)]
}

resource "azurerm_public_ip" "gateway" {
  name                = "${var.name}-gateway"
  location            = var.location
  resource_group_name = var.resource_group
  allocation_method   = "Static"
  sku                 = "Standard"
  zones               = ["1", "2", "3"]
  tags                = var.tags
}

resource "azurerm_virtual_network_gateway" "this" {
  name                = var.name
  location            = var.location
  resource_group_name = var.resource_group
  type                = "Vpn"
  vpn_type            = "RouteBased"
  sku                 = "VpnGw1AZ"
  generation          = "Generation1"
  active_active       = false
  tags                = var.tags

  ip_configuration {
    name                          = "gateway"
    public_ip_address_id          = azurerm_public_ip.gateway.id
    private_ip_address_allocation = "Dynamic"
    subnet_id                     = azurerm_subnet.gateway.id
  }
}

resource "azurerm_local_network_gateway" "tunnel" {
  for_each            = var.tunnels
  name                = "${var.name}-${each.key}"
  location            = var.location
  resource_group_name = var.resource_group
  gateway_address     = each.value
  address_space       = [var.remote_cidr]
  tags                = var.tags
}

resource "azurerm_virtual_network_gateway_connection" "tunnel" {
  for_each                   = var.tunnels
  name                       = "${var.name}-${each.key}"
  location                   = var.location
  resource_group_name        = var.resource_group
  type                       = "IPsec"
  connection_protocol        = "IKEv2"
  virtual_network_gateway_id = azurerm_virtual_network_gateway.this.id
  local_network_gateway_id   = azurerm_local_network_gateway.tunnel[each.key].id
  shared_key                 = var.preshared_keys[each.key]
  tags                       = var.tags

  ipsec_policy {
    dh_group         = "ECP384"
    ike_encryption   = "AES256"
    ike_integrity    = "SHA384"
    ipsec_encryption = "GCMAES256"
    ipsec_integrity  = "GCMAES256"
    pfs_group        = "ECP384"
    sa_lifetime      = 3600
  }
}
