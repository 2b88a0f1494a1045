# The app with all functions on a plan of its own, where the cell runs in functions. Its package comes from the pipeline by One Deploy, which Terraform cannot do.

resource "azurerm_storage_account" "app" {
  count                           = local.in_functions ? 1 : 0
  name                            = "${substr(replace(local.id, "-", ""), 0, 24 - length(local.suffix))}${local.suffix}"
  location                        = local.location
  resource_group_name             = azurerm_resource_group.cell.name
  account_tier                    = "Standard"
  account_replication_type        = var.options.zone_redundant ? "ZRS" : "LRS"
  account_kind                    = "StorageV2"
  https_traffic_only_enabled      = true
  min_tls_version                 = "TLS1_2"
  shared_access_key_enabled       = false
  default_to_oauth_authentication = true
  allow_nested_items_to_be_public = false
  local_user_enabled              = false
  public_network_access_enabled   = !var.private_network
  tags                            = local.tags
}

resource "azurerm_storage_container" "packages" {
  count                 = local.in_functions ? 1 : 0
  name                  = "packages"
  storage_account_id    = azurerm_storage_account.app[0].id
  container_access_type = "private"
}

resource "azurerm_service_plan" "app" {
  count                  = local.in_functions ? 1 : 0
  name                   = local.id
  location               = local.location
  resource_group_name    = azurerm_resource_group.cell.name
  os_type                = "Linux"
  sku_name               = "FC1"
  zone_balancing_enabled = var.options.zone_redundant
  tags                   = local.tags
}

resource "azurerm_function_app_flex_consumption" "app" {
  count                                          = local.in_functions ? 1 : 0
  name                                           = local.unique
  location                                       = local.location
  resource_group_name                            = azurerm_resource_group.cell.name
  service_plan_id                                = azurerm_service_plan.app[0].id
  runtime_name                                   = "node"
  runtime_version                                = trimprefix(var.cell.runtime, "nodejs")
  storage_container_type                         = "blobContainer"
  storage_container_endpoint                     = "${azurerm_storage_account.app[0].primary_blob_endpoint}${azurerm_storage_container.packages[0].name}"
  storage_authentication_type                    = "UserAssignedIdentity"
  storage_user_assigned_identity_id              = azurerm_user_assigned_identity.app.id
  instance_memory_in_mb                          = var.options.instance_memory_mb
  maximum_instance_count                         = var.options.maximum_instances
  http_concurrency                               = var.topology.http.maximumConcurrency
  https_only                                     = true
  webdeploy_publish_basic_authentication_enabled = false
  virtual_network_subnet_id                      = var.private_network ? azurerm_subnet.functions[0].id : null
  tags                                           = local.tags

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.app.id]
  }

  site_config {
    minimum_tls_version                    = "1.2"
    http2_enabled                          = true
    vnet_route_all_enabled                 = var.private_network
    application_insights_connection_string = azurerm_application_insights.cell.connection_string
  }

  dynamic "always_ready" {
    for_each = var.options.always_ready > 0 ? [var.options.always_ready] : []
    content {
      name           = "http"
      instance_count = always_ready.value
    }
  }

  app_settings = merge(local.cell_settings, local.edge_settings, local.http_settings, local.key_settings, local.header_settings, {
    # The provider adds a connection string with an empty key (hashicorp/terraform-provider-azurerm issue 29149), which would
    # win over the identity. An empty setting of our own wins over it; a plan may go on showing this setting as a change.
    AzureWebJobsStorage              = ""
    AzureWebJobsStorage__accountName = azurerm_storage_account.app[0].name
    AzureWebJobsStorage__credential  = "managedidentity"
    AzureWebJobsStorage__clientId    = azurerm_user_assigned_identity.app.client_id

    APPLICATIONINSIGHTS_AUTHENTICATION_STRING = "ClientId=${azurerm_user_assigned_identity.app.client_id};Authorization=AAD"
  })

  lifecycle {
    # The app's settings cannot refer to the app. A name other than the expected one would make the cell refuse every token.
    postcondition {
      condition     = contains(concat([local.endpoint], var.other_endpoints), "https://${self.default_hostname}")
      error_message = "The app was not given the host name that its settings name: set other_endpoints to https://${self.default_hostname}."
    }
  }

  # An app that starts before it may read its triggers' sources stays without them until it starts again.
  depends_on = [
    azurerm_cosmosdb_sql_container.this,
    azurerm_cosmosdb_sql_role_assignment.app,
    azurerm_role_assignment.packages,
    azurerm_role_assignment.publish,
    azurerm_role_assignment.receive,
    azurerm_role_assignment.telemetry,
    azurerm_servicebus_subscription_rule.consumer,
  ]
}
