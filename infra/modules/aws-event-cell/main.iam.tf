# One role a function, with the actions that its code calls and no other. A wildcard stands only where an action knows no resource.

locals {
  events_arn = "arn:${local.partition}:dynamodb:${local.arn_suffix}:table/${local.events_table}"
  state_arn  = "arn:${local.partition}:dynamodb:${local.arn_suffix}:table/${local.state_table}"
  stream_arn = aws_dynamodb_table.events.stream_arn

  # Beside its own log and traces.
  grants = merge(
    {
      http = [
        # Ingest, redrive and copies of other cells append; what has expired is written over, and a copy may replace another one.
        { Sid = "EventsAppend", Effect = "Allow", Action = ["dynamodb:PartiQLInsert", "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem"], Resource = local.events_arn },
        # Reads of the log, and the index of what an earlier release has stored.
        { Sid = "EventsRead", Effect = "Allow", Action = ["dynamodb:Query", "dynamodb:Scan"], Resource = local.events_arn },
        # Reads, epochs, parked events, the index of subjects, and the note of a deep health check.
        {
          Sid    = "State"
          Effect = "Allow"
          Action = [
            "dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PartiQLInsert", "dynamodb:PutItem",
            "dynamodb:Query",
          ]
          Resource = local.state_arn
        },
      ]
      relay = [
        { Sid = "Stream", Effect = "Allow", Action = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"], Resource = local.stream_arn },
        { Sid = "Publish", Effect = "Allow", Action = ["sns:Publish"], Resource = local.topic_arn },
        # What is erased is not published: without reading it nothing is. What can never be published is parked, in place of what an earlier release parked.
        { Sid = "State", Effect = "Allow", Action = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"], Resource = local.state_arn },
      ]
    },
    {
      for name, _ in local.consumers : name => [
        {
          Sid      = "Queue"
          Effect   = "Allow"
          Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
          Resource = [local.queue_arns[name], local.queue_arns["${name}_side"], "${local.queue_arns[name]}-dead-letter"]
        },
        # What a consumer keeps is derived from the log; what is sent as a copy is read there.
        { Sid = "Events", Effect = "Allow", Action = ["dynamodb:GetItem", "dynamodb:Query"], Resource = local.events_arn },
        {
          Sid    = "State"
          Effect = "Allow"
          Action = [
            "dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PartiQLInsert", "dynamodb:PutItem",
            "dynamodb:Query",
          ]
          Resource = local.state_arn
        },
      ]
    },
  )

  key_grants = var.options.customer_managed_key ? [
    { Sid = "Key", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = aws_kms_key.cell[0].arn },
  ] : []

  # These actions know no resource.
  network_grants = var.private_network ? [
    {
      Sid    = "Interfaces"
      Effect = "Allow"
      Action = [
        "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
      ]
      Resource = "*"
    },
  ] : []
}

resource "aws_iam_role" "function" {
  for_each             = local.lambdas
  name                 = "${local.id}-${each.key}"
  permissions_boundary = var.options.permissions_boundary
  tags                 = local.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  for_each = local.lambdas
  name     = "function"
  role     = aws_iam_role.function[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      local.grants[each.key],
      local.key_grants,
      local.network_grants,
      [
        { Sid = "Log", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = "${aws_cloudwatch_log_group.function[each.key].arn}:*" },
        { Sid = "Trace", Effect = "Allow", Action = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], Resource = "*" },
      ],
    )
  })
}
