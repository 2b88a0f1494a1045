# A vault for secrets, without their values: those are written by `polycell keys rotate`, and read by who is named here. A role is
# assigned at the single secret, which needs not be there yet.

data "azurerm_client_config" "current" {}

locals {
  suffix = substr(sha1("${data.azurerm_client_config.current.subscription_id}/${var.environment}"), 0, 6)

  grants = merge(
    { for pair in flatten([for name, secret in var.secrets : [for id in secret.readers : { secret = name, principal = id }]]) : "read/${pair.secret}/${pair.principal}" => merge(pair, { role = "Key Vault Secrets User" }) },
    { for pair in flatten([for name, secret in var.secrets : [for id in secret.writers : { secret = name, principal = id }]]) : "write/${pair.secret}/${pair.principal}" => merge(pair, { role = "Key Vault Secrets Officer" }) },
  )
}

resource "azurerm_key_vault" "secrets" {
  name                          = "pc-${var.environment}-${local.suffix}"
  location                      = var.location
  resource_group_name           = var.resource_group
  tenant_id                     = data.azurerm_client_config.current.tenant_id
  sku_name                      = "standard"
  rbac_authorization_enabled    = true
  purge_protection_enabled      = true
  soft_delete_retention_days    = var.recovery_days
  public_network_access_enabled = true
  tags                          = var.tags
}

resource "azurerm_role_assignment" "secret" {
  for_each             = local.grants
  scope                = "${azurerm_key_vault.secrets.id}/secrets/${each.value.secret}"
  role_definition_name = each.value.role
  principal_id         = each.value.principal
  principal_type       = "ServicePrincipal"
}
