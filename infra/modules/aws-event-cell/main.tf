# What the cell is made of, worked out from the topology once; the other files make it.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  id         = var.cell.id
  account    = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.name
  arn_suffix = "${local.region}:${local.account}"

  # What runs the cell's parts: functions, containers of this module, or containers in a cluster of the operator's own.
  in_functions = var.cell.runtime != "container"
  in_fargate   = !local.in_functions && var.cluster == null
  in_cluster   = !local.in_functions && var.cluster != null

  runtime = lookup({ nodejs20 = "nodejs20.x", nodejs22 = "nodejs22.x", nodejs24 = "nodejs24.x" }, var.cell.runtime, null)

  tags = merge(var.tags, { cell = local.id, jurisdiction = var.cell.jurisdiction, application = "polycell" })

  consumers = { for consumer in var.topology.consumers : consumer.name => consumer }

  # What a tenant sends beyond its share waits in the side lane: a second queue for each consumer (core/cell/topology.ts).
  queues = merge(
    { for name, consumer in local.consumers : name => merge(consumer, { consumer = name }) },
    { for name, consumer in local.consumers : "${name}_side" => merge(consumer, { consumer = name }) },
  )

  # Names are worked out rather than referred to, so that queues, policies and functions are created side by side.
  events_table = "${local.id}-events"
  state_table  = "${local.id}-state"
  topic_arn    = "arn:${local.partition}:sns:${local.arn_suffix}:${local.id}-events"
  queue_arns   = { for name, _ in local.queues : name => "arn:${local.partition}:sqs:${local.arn_suffix}:${local.id}-${name}" }

  shared_environment = {
    APP_CELL         = local.id
    APP_VERSION      = var.release.version
    APP_EVENTS_TABLE = local.events_table
    APP_STATE_TABLE  = local.state_table
    APP_TOPIC_ARN    = local.topic_arn

    OTEL_EXPORTER_OTLP_ENDPOINT = var.telemetry.endpoint
    OTEL_EXPORTER_OTLP_HEADERS  = var.telemetry_headers
    OTEL_TRACES_SAMPLER_ARG     = tostring(var.telemetry.share)
  }

  endpoint = local.in_cluster ? var.cluster.endpoint : var.cell.domain == null ? aws_apigatewayv2_api.http[0].api_endpoint : "https://${var.cell.domain}"

  # The function gets its own address; the API knows nothing of the function until its integration, so there is no circle.
  http_environment = {
    APP_ROUTE_KEYS     = jsonencode(var.route_keys)
    APP_ENDPOINTS      = join(" ", concat([local.endpoint], var.other_endpoints))
    APP_ROUTE_AUDIENCE = var.route_audience
    APP_IDENTITY_KEY   = var.identity_key
    APP_EDGE           = var.edge
  }

  # A worker whose effects must happen once asks the edge for the cell's lease, and other cells for receipts; it proves by the cell's key that it
  # may, and believes by the edge's keys which cells they are.
  lease_environment = {
    APP_IDENTITY_KEY = var.identity_key
    APP_ROUTE_KEYS   = jsonencode(var.route_keys)
    APP_EDGE         = var.edge
  }

  # The worker that sends copies to other cells believes the edge by its keys, and proves by the cell's own key who it is.
  copies_environment = {
    APP_IDENTITY_KEY = var.identity_key
    APP_ROUTE_KEYS   = jsonencode(var.route_keys)
  }

  # Function by function: which package it runs, its limits, and what it reads beside the shared environment.
  functions = merge(
    {
      http  = { bundle = "http", limits = var.topology.http, environment = local.http_environment }
      relay = { bundle = "relay", limits = var.topology.relay, environment = {} }
    },
    { for name, consumer in local.consumers : name => {
      bundle      = "worker"
      limits      = consumer
      environment = merge({ APP_CONSUMER = name }, consumer.effects == "home-only" ? local.lease_environment : {}, consumer.effects == "copies" ? local.copies_environment : {})
    } },
  )

  # What of it the module runs itself, and what of that in functions.
  hosted  = { for name, function in local.functions : name => function if !local.in_cluster }
  lambdas = { for name, function in local.functions : name => function if local.in_functions }

  kms_key_arn = var.options.customer_managed_key ? aws_kms_key.cell[0].arn : null
}

# The cell declared for another region, deployed by a provider of this one, would serve the wrong jurisdiction.
resource "terraform_data" "region" {
  input = var.cell.region

  lifecycle {
    precondition {
      condition     = var.cell.region == local.region
      error_message = "The cell ${var.cell.id} belongs into ${var.cell.region}, but the provider is configured for another region."
    }
  }
}

resource "aws_kms_key" "cell" {
  count                   = var.options.customer_managed_key ? 1 : 0
  description             = "Data of the cell ${local.id}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  tags                    = local.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
        Action = [
          "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:CreateGrant", "kms:Decrypt", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey",
          "kms:EnableKey", "kms:EnableKeyRotation", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:GetKeyPolicy",
          "kms:GetKeyRotationStatus", "kms:ListGrants", "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:ReEncryptFrom", "kms:ReEncryptTo",
          "kms:RevokeGrant", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
        ]
        Resource = "*"
      },
      {
        Sid       = "Topics"
        Effect    = "Allow"
        Principal = { Service = ["sns.amazonaws.com", "cloudwatch.amazonaws.com"] }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
      {
        Sid       = "Logs"
        Effect    = "Allow"
        Principal = { Service = "logs.${local.region}.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:DescribeKey"]
        Resource  = "*"
        Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:${local.partition}:logs:${local.arn_suffix}:*" } }
      },
    ]
  })
}

resource "aws_kms_alias" "cell" {
  count         = var.options.customer_managed_key ? 1 : 0
  name          = "alias/${local.id}"
  target_key_id = aws_kms_key.cell[0].key_id
}
