output "plan_identity" {
  description = "Client id of the identity that plans, for the pipeline's settings."
  value       = azurerm_user_assigned_identity.pipeline["plan"].client_id
}

output "apply_identity" {
  description = "Client id of the identity that applies, for the pipeline's settings."
  value       = azurerm_user_assigned_identity.pipeline["apply"].client_id
}

output "permissions_boundary" {
  description = "The roles that the applying identity can give away, by name."
  value       = local.given_roles
}
