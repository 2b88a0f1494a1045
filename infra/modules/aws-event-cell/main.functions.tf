# The functions, and what triggers them: the stream for the relay, the queues of each consumer.

resource "aws_cloudwatch_log_group" "function" {
  for_each          = local.hosted
  name              = "/aws/${local.in_functions ? "lambda" : "ecs"}/${local.id}-${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
  tags              = local.tags
}

resource "aws_lambda_function" "this" {
  for_each                       = local.lambdas
  function_name                  = "${local.id}-${each.key}"
  role                           = aws_iam_role.function[each.key].arn
  filename                       = var.release.artifacts[each.value.bundle]
  source_code_hash               = filebase64sha256(var.release.artifacts[each.value.bundle])
  handler                        = "index.handler"
  runtime                        = local.runtime
  architectures                  = ["arm64"]
  timeout                        = each.value.limits.timeoutSeconds
  memory_size                    = each.value.limits.memoryMegabytes
  reserved_concurrent_executions = var.options.reserve_concurrency ? each.value.limits.maximumConcurrency : -1
  publish                        = true
  kms_key_arn                    = local.kms_key_arn
  tags                           = local.tags

  environment {
    variables = merge(local.shared_environment, each.value.environment)
  }

  tracing_config {
    mode = "Active"
  }

  logging_config {
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "INFO"
    log_group             = aws_cloudwatch_log_group.function[each.key].name
  }

  dynamic "vpc_config" {
    for_each = var.private_network ? [true] : []
    content {
      subnet_ids         = values(aws_subnet.private)[*].id
      security_group_ids = [aws_security_group.functions[0].id]
    }
  }

  depends_on = [aws_iam_role_policy.function]
}

# Triggers and the HTTP API point to the alias, so that going back to an earlier version is one write.
resource "aws_lambda_alias" "live" {
  for_each         = local.lambdas
  name             = "live"
  function_name    = aws_lambda_function.this[each.key].function_name
  function_version = aws_lambda_function.this[each.key].version
}

resource "aws_lambda_event_source_mapping" "relay" {
  count                              = local.in_functions ? 1 : 0
  event_source_arn                   = aws_dynamodb_table.events.stream_arn
  function_name                      = aws_lambda_alias.live["relay"].arn
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = var.topology.relay.batchSize
  maximum_batching_window_in_seconds = var.topology.relay.batchWindowSeconds
  parallelization_factor             = var.topology.relay.parallelizationFactor
  maximum_retry_attempts             = var.topology.relay.maximumRetryAttempts
  maximum_record_age_in_seconds      = -1
  function_response_types            = ["ReportBatchItemFailures"]
}

resource "aws_lambda_event_source_mapping" "consumer" {
  for_each                           = { for name, queue in local.queues : name => queue if local.in_functions }
  event_source_arn                   = aws_sqs_queue.consumer[each.key].arn
  function_name                      = aws_lambda_alias.live[each.value.consumer].arn
  batch_size                         = each.value.batchSize
  maximum_batching_window_in_seconds = each.value.batchWindowSeconds
  function_response_types            = ["ReportBatchItemFailures"]

  # Half of the function's for each lane, so that neither takes what is the other's.
  scaling_config {
    maximum_concurrency = max(2, floor(each.value.maximumConcurrency / 2))
  }
}

# What the queue has given up on is parked by the same function.
resource "aws_lambda_event_source_mapping" "dead_letter" {
  for_each                = { for name, consumer in local.consumers : name => consumer if local.in_functions }
  event_source_arn        = aws_sqs_queue.dead_letter[each.key].arn
  function_name           = aws_lambda_alias.live[each.key].arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = 2
  }
}
