# Places for secrets, without their values: those are written by `polycell keys rotate`, and read by who is named here. A key of its
# own encrypts them, so that reading one takes two permissions.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  root = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"

  readers = sort(distinct(flatten([for secret in values(var.secrets) : concat(tolist(secret.readers), tolist(secret.writers))])))
}

resource "aws_kms_key" "secrets" {
  description             = "Secrets of ${var.environment}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  tags                    = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = local.root }
        Action = [
          "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey", "kms:EnableKey", "kms:EnableKeyRotation",
          "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:TagResource",
          "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
        ]
        Resource = "*"
      }],
      length(local.readers) == 0 ? [] : [{
        Sid       = "Use"
        Effect    = "Allow"
        Principal = { AWS = local.readers }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = { StringEquals = { "kms:CallerAccount" = data.aws_caller_identity.current.account_id } }
      }],
    )
  })
}

resource "aws_kms_alias" "secrets" {
  name          = "alias/polycell-${var.environment}-secrets"
  target_key_id = aws_kms_key.secrets.key_id
}

resource "aws_secretsmanager_secret" "this" {
  for_each                = var.secrets
  name                    = "polycell/${var.environment}/${each.key}"
  description             = each.value.description
  kms_key_id              = aws_kms_key.secrets.arn
  recovery_window_in_days = var.recovery_days
  tags                    = var.tags
}

resource "aws_secretsmanager_secret_policy" "this" {
  for_each            = { for name, secret in var.secrets : name => secret if length(secret.readers) + length(secret.writers) > 0 }
  secret_arn          = aws_secretsmanager_secret.this[each.key].arn
  block_public_policy = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      length(each.value.readers) == 0 ? [] : [{
        Sid       = "Read"
        Effect    = "Allow"
        Principal = { AWS = sort(each.value.readers) }
        Action    = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
        Resource  = aws_secretsmanager_secret.this[each.key].arn
      }],
      length(each.value.writers) == 0 ? [] : [{
        Sid       = "Write"
        Effect    = "Allow"
        Principal = { AWS = sort(each.value.writers) }
        Action    = ["secretsmanager:DescribeSecret", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"]
        Resource  = aws_secretsmanager_secret.this[each.key].arn
      }],
    )
  })
}
