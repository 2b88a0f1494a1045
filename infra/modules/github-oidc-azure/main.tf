# Two identities for the pipeline, without a key: one that reads for a plan, one that applies. The second can give away only the five
# roles that a cell's app or its containers have.

locals {
  subjects = merge(
    { for name, subject in var.plan_subjects : "plan-${name}" => { identity = "plan", subject = subject } },
    { for name, subject in var.apply_subjects : "apply-${name}" => { identity = "apply", subject = subject } },
  )

  # Roles by which an app reaches its cell's data (https://learn.microsoft.com/azure/role-based-access-control/built-in-roles).
  given_roles = {
    "Azure Service Bus Data Sender"   = "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39"
    "Azure Service Bus Data Receiver" = "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0"
    "Storage Blob Data Owner"         = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
    "Monitoring Metrics Publisher"    = "3913510d-42f4-4e42-8a64-420c390055eb"
    "AcrPull"                         = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
  }

  role_list = join(", ", values(local.given_roles))
}

resource "azurerm_user_assigned_identity" "pipeline" {
  for_each            = toset(["plan", "apply"])
  name                = "${var.name}-${each.value}"
  location            = var.location
  resource_group_name = var.resource_group
  tags                = var.tags
}

resource "azurerm_federated_identity_credential" "github" {
  for_each                  = local.subjects
  name                      = each.key
  user_assigned_identity_id = azurerm_user_assigned_identity.pipeline[each.value.identity].id
  issuer                    = "https://token.actions.githubusercontent.com"
  audience                  = ["api://AzureADTokenExchange"]
  subject                   = each.value.subject
}

resource "azurerm_role_assignment" "read" {
  for_each             = azurerm_user_assigned_identity.pipeline
  scope                = var.scope
  role_definition_name = "Reader"
  principal_id         = each.value.principal_id
  principal_type       = "ServicePrincipal"
}

# A plan takes no lock: terraform plan -lock=false.
resource "azurerm_role_assignment" "state" {
  for_each             = { plan = "Storage Blob Data Reader", apply = "Storage Blob Data Contributor" }
  scope                = var.state_container
  role_definition_name = each.value
  principal_id         = azurerm_user_assigned_identity.pipeline[each.key].principal_id
  principal_type       = "ServicePrincipal"
}

# Terraform compares settings and secrets with the state, which this identity reads as well.
resource "azurerm_role_definition" "plan" {
  name        = "${var.name}-plan"
  scope       = var.scope
  description = "What a plan reads beyond what a reader does."

  permissions {
    actions = ["Microsoft.App/containerApps/listSecrets/action", "Microsoft.Web/sites/config/list/action"]
  }
}

resource "azurerm_role_assignment" "plan" {
  scope              = var.scope
  role_definition_id = azurerm_role_definition.plan.role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.pipeline["plan"].principal_id
  principal_type     = "ServicePrincipal"
}

resource "azurerm_role_definition" "apply" {
  name        = "${var.name}-apply"
  scope       = var.scope
  description = "Makes, changes and removes cells."

  permissions {
    actions = local.apply_actions
  }
}

resource "azurerm_role_assignment" "apply" {
  scope              = var.scope
  role_definition_id = azurerm_role_definition.apply.role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.pipeline["apply"].principal_id
  principal_type     = "ServicePrincipal"
}

resource "azurerm_role_assignment" "give_roles" {
  scope                = var.scope
  role_definition_name = "Role Based Access Control Administrator"
  principal_id         = azurerm_user_assigned_identity.pipeline["apply"].principal_id
  principal_type       = "ServicePrincipal"
  condition_version    = "2.0"

  # https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples
  condition = <<-CONDITION
    (
      !(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})
      OR
      (
        @Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${local.role_list}}
        AND
        @Request[Microsoft.Authorization/roleAssignments:PrincipalType] StringEqualsIgnoreCase 'ServicePrincipal'
      )
    )
    AND
    (
      !(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'})
      OR
      (
        @Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${local.role_list}}
        AND
        @Resource[Microsoft.Authorization/roleAssignments:PrincipalType] StringEqualsIgnoreCase 'ServicePrincipal'
      )
    )
  CONDITION
}
