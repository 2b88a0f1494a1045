# What the cell is made of, worked out from the topology once; the other files make it.

data "azurerm_client_config" "current" {}

locals {
  id       = var.cell.id
  location = var.cell.region

  # Accounts, namespaces and apps have names that are unique in all of Azure.
  suffix = coalesce(var.options.name_suffix, substr(sha1("${data.azurerm_client_config.current.subscription_id}/${local.id}"), 0, 6))
  unique = "${local.id}-${local.suffix}"

  # What Azure calls an app of this name.
  endpoint = "https://${local.unique}.azurewebsites.net"

  tags = merge(var.tags, { cell = local.id, jurisdiction = var.cell.jurisdiction, application = "polycell" })

  consumers     = { for consumer in var.topology.consumers : consumer.name => consumer }
  containers    = { for container in var.options.resources.cosmos.containers : container.name => container }
  subscriptions = { for subscription in var.options.resources.serviceBus.subscriptions : subscription.name => subscription }

  # All functions run in one app; these are its functions by name.
  functions = toset(concat(["http", "relay"], keys(local.consumers)))
}

resource "azurerm_resource_group" "cell" {
  name     = local.id
  location = local.location
  tags     = local.tags
}

resource "azurerm_user_assigned_identity" "app" {
  name                = local.id
  location            = local.location
  resource_group_name = azurerm_resource_group.cell.name
  tags                = local.tags
}
