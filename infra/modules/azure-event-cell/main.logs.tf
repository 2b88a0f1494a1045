# Logs and metrics of the app and of the services, in one workspace. Requests to the store are not logged one by one.

resource "azurerm_log_analytics_workspace" "cell" {
  name                         = local.id
  location                     = local.location
  resource_group_name          = azurerm_resource_group.cell.name
  sku                          = "PerGB2018"
  retention_in_days            = var.log_retention_days
  local_authentication_enabled = false
  tags                         = local.tags
}

resource "azurerm_application_insights" "cell" {
  name                         = local.id
  location                     = local.location
  resource_group_name          = azurerm_resource_group.cell.name
  workspace_id                 = azurerm_log_analytics_workspace.cell.id
  application_type             = "Node.JS"
  local_authentication_enabled = false
  # Every request is counted: alarms are made from them.
  sampling_percentage = 100
  tags                = local.tags
}

resource "azurerm_monitor_diagnostic_setting" "app" {
  count                      = local.in_functions ? 1 : 0
  name                       = "workspace"
  target_resource_id         = azurerm_function_app_flex_consumption.app[0].id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.cell.id

  enabled_log {
    category = "FunctionAppLogs"
  }

  enabled_metric {
    category = "AllMetrics"
  }
}

resource "azurerm_monitor_diagnostic_setting" "store" {
  name                           = "workspace"
  target_resource_id             = azurerm_cosmosdb_account.cell.id
  log_analytics_workspace_id     = azurerm_log_analytics_workspace.cell.id
  log_analytics_destination_type = "Dedicated"

  enabled_log {
    category = "ControlPlaneRequests"
  }

  enabled_log {
    category = "PartitionKeyStatistics"
  }
}

resource "azurerm_monitor_diagnostic_setting" "bus" {
  name                       = "workspace"
  target_resource_id         = azurerm_servicebus_namespace.cell.id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.cell.id

  enabled_log {
    category = "OperationalLogs"
  }

  enabled_metric {
    category = "AllMetrics"
  }
}
