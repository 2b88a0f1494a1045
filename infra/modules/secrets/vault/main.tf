# A place for secrets in Vault, without their values: those are written by `polycell keys rotate`. The pipeline signs in with GitHub's
# token; each subject gets what it is named for.

locals {
  kinds = {
    readers = ["read"]
    writers = ["create", "read", "update"]
  }

  # One policy and one role a secret and kind.
  grants = merge([
    for kind, capabilities in local.kinds : {
      for name, secret in var.secrets : "${name}-${kind}" => { secret = name, capabilities = capabilities, subjects = secret[kind] } if length(secret[kind]) > 0
    }
  ]...)
}

resource "vault_mount" "secrets" {
  path        = "polycell-${var.environment}"
  type        = "kv"
  description = "Secrets of ${var.environment}"
  options     = { version = "2" }
}

resource "vault_kv_secret_backend_v2" "secrets" {
  mount        = vault_mount.secrets.path
  max_versions = var.versions
}

resource "vault_jwt_auth_backend" "github" {
  path               = "polycell-${var.environment}-github"
  type               = "jwt"
  description        = "GitHub's tokens for ${var.environment}"
  oidc_discovery_url = "https://token.actions.githubusercontent.com"
  bound_issuer       = "https://token.actions.githubusercontent.com"
}

resource "vault_policy" "this" {
  for_each = local.grants
  name     = "polycell-${var.environment}-${each.key}"

  policy = <<-POLICY
    path "${vault_mount.secrets.path}/data/${each.value.secret}" {
      capabilities = ${jsonencode(each.value.capabilities)}
    }
  POLICY
}

resource "vault_jwt_auth_backend_role" "this" {
  for_each          = local.grants
  backend           = vault_jwt_auth_backend.github.path
  role_name         = each.key
  role_type         = "jwt"
  user_claim        = "sub"
  bound_audiences   = ["polycell-${var.environment}"]
  bound_claims_type = "string"
  bound_claims      = { sub = join(",", sort(each.value.subjects)) }
  token_policies    = [vault_policy.this[each.key].name]
  token_ttl         = 600
  token_max_ttl     = 600
}
