# What the cell is made of, worked out from the topology once; the other files make it.

data "azurerm_client_config" "current" {}

locals {
  id       = var.cell.id
  location = var.cell.region

  # Accounts, namespaces and apps have names that are unique in all of Azure.
  suffix = coalesce(var.options.name_suffix, substr(sha1("${data.azurerm_client_config.current.subscription_id}/${local.id}"), 0, 6))
  unique = "${local.id}-${local.suffix}"

  # What runs the cell's parts: functions, container apps of this module, or containers in a cluster of the operator's own.
  in_functions = var.cell.runtime != "container"
  in_apps      = !local.in_functions && var.cluster == null
  in_cluster   = !local.in_functions && var.cluster != null

  # What Azure calls an app of this name.
  app_endpoint = local.in_apps ? "https://http.${azurerm_container_app_environment.cell[0].default_domain}" : "https://${local.unique}.azurewebsites.net"
  endpoint     = local.in_cluster ? var.cluster.endpoint : local.app_endpoint

  tags = merge(var.tags, { cell = local.id, jurisdiction = var.cell.jurisdiction, application = "polycell" })

  consumers     = { for consumer in var.topology.consumers : consumer.name => consumer }
  containers    = { for container in var.options.resources.cosmos.containers : container.name => container }
  subscriptions = { for subscription in var.options.resources.serviceBus.subscriptions : subscription.name => subscription }

  # All functions run in one app; these are its functions by name, and otherwise what containers run.
  functions = toset(concat(["http", "relay"], keys(local.consumers)))

  # What the module itself runs of it.
  hosted = toset([for name in local.functions : name if !local.in_cluster])

  # What every part reads. The triggers and the code reach the services by identity: no connection string is anywhere.
  cell_settings = {
    APP_CELL     = local.id
    APP_VERSION  = var.release.version
    APP_REGION   = local.location
    APP_DATABASE = azurerm_cosmosdb_sql_database.cell.name
    APP_TOPIC    = azurerm_servicebus_topic.events.name

    OTEL_EXPORTER_OTLP_ENDPOINT = var.telemetry.endpoint
    OTEL_TRACES_SAMPLER_ARG     = tostring(var.telemetry.share)

    COSMOS__accountEndpoint              = azurerm_cosmosdb_account.cell.endpoint
    COSMOS__credential                   = "managedidentity"
    COSMOS__clientId                     = azurerm_user_assigned_identity.app.client_id
    SERVICE_BUS__fullyQualifiedNamespace = "${azurerm_servicebus_namespace.cell.name}.servicebus.windows.net"
    SERVICE_BUS__credential              = "managedidentity"
    SERVICE_BUS__clientId                = azurerm_user_assigned_identity.app.client_id
  }

  # What the API and consumers read, and what the API alone.
  edge_settings = { APP_ROUTE_KEYS = jsonencode(var.route_keys), APP_EDGE = var.edge }
  http_settings = { APP_ENDPOINTS = join(" ", concat([local.endpoint], var.other_endpoints)), APP_ROUTE_AUDIENCE = var.route_audience }

  key_settings    = { APP_IDENTITY_KEY = var.identity_key }
  header_settings = { OTEL_EXPORTER_OTLP_HEADERS = var.telemetry_headers }
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
