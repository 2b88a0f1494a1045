# The event log, the state and the leases of the change feed, as infra/azure.json lists them. Keys are switched off.

locals {
  serverless = var.options.cosmos_max_throughput == null
}

resource "azurerm_cosmosdb_account" "cell" {
  name                               = local.unique
  location                           = local.location
  resource_group_name                = azurerm_resource_group.cell.name
  offer_type                         = "Standard"
  kind                               = "GlobalDocumentDB"
  local_authentication_enabled       = false
  access_key_metadata_writes_enabled = false
  public_network_access_enabled      = !var.private_network
  minimal_tls_version                = "Tls12"
  tags                               = local.tags

  # Epochs fence only if every process sees what any other has written.
  consistency_policy {
    consistency_level = var.options.resources.cosmos.consistency
  }

  # One region: a cell is lost with its region, and its tenants move to another cell.
  geo_location {
    location          = local.location
    failover_priority = 0
    zone_redundant    = var.options.zone_redundant
  }

  backup {
    type = "Continuous"
    tier = var.options.backup_tier
  }

  dynamic "capabilities" {
    for_each = local.serverless ? [true] : []
    content {
      name = "EnableServerless"
    }
  }
}

resource "azurerm_cosmosdb_sql_database" "cell" {
  name                = local.id
  resource_group_name = azurerm_resource_group.cell.name
  account_name        = azurerm_cosmosdb_account.cell.name

  dynamic "autoscale_settings" {
    for_each = local.serverless ? [] : [var.options.cosmos_max_throughput]
    content {
      max_throughput = autoscale_settings.value
    }
  }
}

resource "azurerm_cosmosdb_sql_container" "this" {
  for_each              = local.containers
  name                  = each.key
  resource_group_name   = azurerm_resource_group.cell.name
  account_name          = azurerm_cosmosdb_account.cell.name
  database_name         = azurerm_cosmosdb_sql_database.cell.name
  partition_key_kind    = "Hash"
  partition_key_paths   = each.value.partitionKeyPaths
  partition_key_version = each.value.partitionKeyVersion
  default_ttl           = each.value.defaultTtl
}

resource "azurerm_management_lock" "store" {
  count      = var.deletion_protection ? 1 : 0
  name       = "deletion-protection"
  scope      = azurerm_cosmosdb_account.cell.id
  lock_level = "CanNotDelete"
  notes      = "The cell's data. Set deletion_protection to false before the cell is retired."
}
