# Two identities for the pipeline, without a key: one that reads for a plan, one that applies. What they make can never do more than the
# boundary, whatever its policies say.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: of a managed policy, without white space.
  policy_limit = 6144
  too_large    = "A policy of the pipeline would have more than 6,144 characters, which AWS refuses: make this module once for each group of cells, with a name of its own."

  issuer       = "token.actions.githubusercontent.com"
  account      = data.aws_caller_identity.current.account_id
  partition    = data.aws_partition.current.partition
  provider_arn = coalesce(var.provider_arn, try(aws_iam_openid_connect_provider.github[0].arn, null))
  subjects     = { plan = var.plan_subjects, apply = var.apply_subjects }
}

resource "aws_iam_openid_connect_provider" "github" {
  count          = var.provider_arn == null ? 1 : 0
  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
  tags           = var.tags
}

resource "aws_iam_role" "pipeline" {
  for_each             = local.subjects
  name                 = "${var.name}-${each.key}"
  description          = "Pipeline: ${each.key}"
  max_session_duration = 3600
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = local.provider_arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = "sts.amazonaws.com"
          "${local.issuer}:sub" = each.value
        }
      }
    }]
  })
}

resource "aws_iam_policy" "plan" {
  name        = "${var.name}-plan"
  description = "What a plan reads."
  policy      = jsonencode({ Version = "2012-10-17", Statement = local.plan_statements })
  tags        = var.tags

  lifecycle {
    postcondition {
      condition     = length(self.policy) <= local.policy_limit
      error_message = local.too_large
    }
  }
}

resource "aws_iam_policy" "apply" {
  for_each    = { apply = local.apply_statements, surroundings = local.surroundings_statements }
  name        = each.key == "apply" ? "${var.name}-apply" : "${var.name}-apply-${each.key}"
  description = each.key == "apply" ? "What an apply changes." : "What an apply changes around the pipeline of events."
  policy      = jsonencode({ Version = "2012-10-17", Statement = each.value })
  tags        = var.tags

  lifecycle {
    postcondition {
      condition     = length(self.policy) <= local.policy_limit
      error_message = local.too_large
    }
  }
}

moved {
  from = aws_iam_policy.apply
  to   = aws_iam_policy.apply["apply"]
}

moved {
  from = aws_iam_role_policy_attachment.apply
  to   = aws_iam_role_policy_attachment.apply["apply"]
}

resource "aws_iam_role_policy_attachment" "plan" {
  for_each   = aws_iam_role.pipeline
  role       = each.value.name
  policy_arn = aws_iam_policy.plan.arn
}

resource "aws_iam_role_policy_attachment" "apply" {
  for_each   = aws_iam_policy.apply
  role       = aws_iam_role.pipeline["apply"].name
  policy_arn = each.value.arn
}

# The most that a function's role may ever allow; the applying identity can make roles with this boundary alone.
resource "aws_iam_policy" "boundary" {
  name        = "${var.name}-boundary"
  description = "The most that functions of cells may do."
  tags        = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.container_boundary, [
      { Sid = "Tables", Effect = "Allow", Action = local.table_data_actions, Resource = concat(local.tables, [for table in local.tables : "${table}/stream/*"]) },
      { Sid = "Topics", Effect = "Allow", Action = ["sns:Publish"], Resource = local.topics },
      { Sid = "Queues", Effect = "Allow", Action = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], Resource = local.queues },
      { Sid = "Logs", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = [for group in local.log_groups : "${group}:*"] },
      { Sid = "Keys", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = "arn:${local.partition}:kms:${var.region}:${local.account}:key/*" },
      { Sid = "Traces", Effect = "Allow", Action = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], Resource = "*" },
      {
        Sid    = "Interfaces"
        Effect = "Allow"
        Action = [
          "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = "*"
      },
    ])
  })

  lifecycle {
    postcondition {
      condition     = length(self.policy) <= local.policy_limit
      error_message = local.too_large
    }
  }
}
