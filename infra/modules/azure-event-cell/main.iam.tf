# What the app, or its containers, may do: data alone, and of that what its code and its triggers call. Nothing of it manages a resource.

locals {
  items    = "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items"
  database = "${azurerm_cosmosdb_account.cell.id}/dbs/${azurerm_cosmosdb_sql_database.cell.name}"
}

resource "azurerm_cosmosdb_sql_role_definition" "app" {
  name                = "${local.id}-app"
  resource_group_name = azurerm_resource_group.cell.name
  account_name        = azurerm_cosmosdb_account.cell.name
  type                = "CustomRole"
  assignable_scopes   = [local.database]

  permissions {
    data_actions = [
      "Microsoft.DocumentDB/databaseAccounts/readMetadata",
      "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/executeQuery",
      # The relay's trigger, or its container.
      "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/readChangeFeed",
      "${local.items}/create",
      "${local.items}/delete",
      "${local.items}/read",
      # Patches as well.
      "${local.items}/replace",
      "${local.items}/upsert",
    ]
  }
}

resource "azurerm_cosmosdb_sql_role_assignment" "app" {
  resource_group_name = azurerm_resource_group.cell.name
  account_name        = azurerm_cosmosdb_account.cell.name
  role_definition_id  = azurerm_cosmosdb_sql_role_definition.app.id
  principal_id        = azurerm_user_assigned_identity.app.principal_id
  scope               = local.database
}

resource "azurerm_role_assignment" "publish" {
  scope                = azurerm_servicebus_topic.events.id
  role_definition_name = "Azure Service Bus Data Sender"
  principal_id         = azurerm_user_assigned_identity.app.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "receive" {
  for_each             = azurerm_servicebus_subscription.consumer
  scope                = each.value.id
  role_definition_name = "Azure Service Bus Data Receiver"
  principal_id         = azurerm_user_assigned_identity.app.principal_id
  principal_type       = "ServicePrincipal"
}

# The host keeps its locks here and reads the app's package.
resource "azurerm_role_assignment" "packages" {
  count                = local.in_functions ? 1 : 0
  scope                = azurerm_storage_account.app[0].id
  role_definition_name = "Storage Blob Data Owner"
  principal_id         = azurerm_user_assigned_identity.app.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "telemetry" {
  count                = local.in_functions ? 1 : 0
  scope                = azurerm_application_insights.cell.id
  role_definition_name = "Monitoring Metrics Publisher"
  principal_id         = azurerm_user_assigned_identity.app.principal_id
  principal_type       = "ServicePrincipal"
}

# The image of containers, where it lies in Azure's registry.
resource "azurerm_role_assignment" "pull" {
  count                = local.in_apps && var.options.registry_id != null ? 1 : 0
  scope                = var.options.registry_id
  role_definition_name = "AcrPull"
  principal_id         = azurerm_user_assigned_identity.app.principal_id
  principal_type       = "ServicePrincipal"
}

# The service account of the cell's namespace in the operator's own cluster stands for the identity.
resource "azurerm_federated_identity_credential" "cluster" {
  count                     = local.in_cluster ? 1 : 0
  name                      = "cluster"
  user_assigned_identity_id = azurerm_user_assigned_identity.app.id
  issuer                    = var.cluster.issuer
  audience                  = ["api://AzureADTokenExchange"]
  subject                   = "system:serviceaccount:${coalesce(var.cluster.namespace, local.id)}:${coalesce(var.cluster.service_account, local.id)}"
}
